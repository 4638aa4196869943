/* Versions and specifiers (PEP 440), as the reference implementation `packaging` reads them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct version; /* parsed; lives in an arena */

/* NULL when it is no version. */
struct version *version_parse(struct arena *a, const char *text);
/* <0, 0, >0, by PEP 440's order. */
int version_compare(const struct version *a, const struct version *b);
/* As version_compare on texts; a text that is no version sorts below all versions, then by bytes. */
int version_compare_texts(const char *a, const char *b);
/* PEP 440 normal form: "1.0.0-Alpha.1" is "1.0.0a1". */
char *version_normal(struct arena *a, const struct version *v);
bool version_is_prerelease(const struct version *v);
size_t version_release_count(const struct version *v);
/* The number at `i` of the release segment, 0 past its end, as text of digits (numbers may be of any size). */
const char *version_release_at(const struct version *v, size_t i);

struct specifier_set; /* "~=1.4,!=1.4.3" */
/* NULL when it is not valid; *ret_at is then where in the text. Empty text is a valid set that takes everything. */
struct specifier_set *specifier_set_parse(struct arena *a, const char *text, size_t *ret_at);
/* As str() of the reference gives it: the specifiers without white space, sorted, each once; versions stay as they were written. */
const char *specifier_set_normal(const struct specifier_set *set);
/* True when a specifier of the set names a pre-release, so that it asks for pre-releases (PEP 440: "!=" and ".*" name none). */
bool specifier_set_names_prerelease(const struct specifier_set *set);
/* True when it is certain that no version is in both sets (or in one set, given twice); false also where that would take long to find out. */
bool specifier_sets_exclude(const struct specifier_set *a, const struct specifier_set *b);
/* Whether a version is in the set; with prereleases false, pre-releases are in it only when a specifier of the set names one (PEP 440: "!=" and ".*" name
   none). As `packaging`'s set.contains(version, prereleases=True) and set.contains(version, prereleases=bool(set.prereleases)). A text that is no version is
   in no set but an empty one and "===" with that text, in any ASCII case. */
bool specifier_set_contains(const struct specifier_set *set, const char *version, bool prereleases);

enum specifier_prereleases { PRERELEASES_WHERE_NEEDED, PRERELEASES_TAKEN, PRERELEASES_LEFT };
/* Which of several versions an installer would choose among: ret_kept[i] for versions[i]. PRERELEASES_WHERE_NEEDED is PEP 440's rule: pre-releases count when a
   specifier of the set names one, or when nothing else of the list is in the set. Texts that are no versions are kept where specifier_set_contains has them. As
   `packaging`'s set.filter(versions, prereleases=None, True, False). */
void specifier_set_filter(const struct specifier_set *set, const char *const *versions, size_t count, enum specifier_prereleases rule, bool *ret_kept);

/* "^1.2.3" as the specifier ">=1.2.3,<2.0.0": Poetry's caret, by which the first number that is not zero stays (of major, minor and patch; else the last one
   given). It takes the same versions as Poetry's, pre-releases of the upper bound being outside. In `a`. NULL, with the place and what is wrong there, when it is
   none; local versions are refused, as no specifier says the same. */
const char *caret_specifier(struct arena *a, const char *text, size_t *ret_at, const char **ret_why);
