/* conf_memory: the arena a configuration lives in.
 *
 * Chunks are freed together. arena_take() jumps to no_memory instead of
 * returning NULL; arena_try() is for what happens after parsing. */
#include "lib/conf_internal.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	size_t used, room;
	alignas(max_align_t) char octets[];
};

enum { CHUNK_OCTETS = 16 * 1024 };

void *
arena_try(struct arena *a, size_t size)
{
	size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct chunk *chunk = a->chunks;

	if (aligned < size) {
		errno = ENOMEM;
		return NULL;
	}
	if (chunk == NULL || chunk->room - chunk->used < aligned) {
		size_t room = aligned > CHUNK_OCTETS ? aligned : CHUNK_OCTETS;

		chunk = room > SIZE_MAX - sizeof *chunk ? NULL : calloc(1, sizeof *chunk + room);
		if (chunk == NULL) {
			errno = ENOMEM;
			return NULL;
		}
		chunk->room = room;
		chunk->next = a->chunks;
		a->chunks = chunk;
	}
	chunk->used += aligned;
	return chunk->octets + chunk->used - aligned;
}

void *
arena_take(struct arena *a, size_t size)
{
	void *taken = arena_try(a, size);

	if (taken == NULL)
		longjmp(a->no_memory, 1);
	return taken;
}

void *
arena_append(struct arena *a, void *list, size_t *n, size_t *room, size_t size)
{
	char *place = list;

	if (*n == *room) {
		*room = *room == 0 ? 8 : *room * 2;
		place = arena_take(a, *room * size);
		if (*n > 0)
			memcpy(place, list, *n * size);
	}
	memset(place + *n * size, 0, size);
	(*n)++;
	return place;
}

void
arena_free(struct arena *a)
{
	while (a->chunks != NULL) {
		struct chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}
