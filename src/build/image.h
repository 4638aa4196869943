/* The images of a plan whose Python layers lockstep makes: what goes into them, whether they are there, and putting them together. Inside build/ only. */
#pragma once

#include "build/building.h"

struct render;

/* What is known of the image of a container of the plan before anything is built, into plan->images; and the stage that would install its packages into plan->contexts. */
int image_of_container(struct arena *a, const struct plan_request *q, const struct render *render, struct build_plan *plan, size_t container,
		       struct error *err);
/* Plans its layers, when what is below is known from an earlier time. */
void image_plan(struct arena *a, const struct plan_request *q, struct build_plan *plan, size_t container);
/* Asks the engine whether it has the image. */
int image_ask(const struct plan_request *q, struct build_image *image, struct error *err);
/* After the stages: makes the layers of all images that are wanted, and gives the images to the engine. */
int building_images(struct building *b, struct error *err);
