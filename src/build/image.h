/* The images of a plan whose Python layers lockstep makes: what goes into them, whether they are there, and putting them together. Inside build/ only. */
#pragma once

#include "build/building.h"

struct render;

/* What is known of the image of a container of the plan before anything is built, into plan->images; and the stage that would install its packages into plan->contexts. */
int image_of_container(struct arena *a, const struct plan_request *q, const struct render *render, struct build_plan *plan, size_t container,
		       struct error *err);
/* Plans its layers, when what is below is known from an earlier time. */
void image_plan(struct arena *a, const struct plan_request *q, struct build_plan *plan, size_t container);
/* The same, when what is below is known by now. */
void image_plan_layers(struct arena *a, const struct plan_request *q, struct build_image *image);
/* Whether the Python that compiles for it is kept outside of its image, and may be used. */
bool image_has_kept_python(const struct plan_request *q, const struct build_image *image);
/* Asks the engine whether it has the image. */
int image_ask(const struct plan_request *q, struct build_image *image, struct error *err);
/* Says of an image whether it has to be put together, and which layers are to be made for it. */
void image_explain(const struct build_image *image, struct strbuf *out);
/* Before anything is made: whether the wheels of images whose layers are not those of the newest release can be in a container together. */
int building_check_wheels(struct building *b, struct error *err);
/* After the stages: makes the layers of all images, and gives those that are wanted to the engine, or to the registry. */
int building_images(struct building *b, struct error *err);
