/* SPDX-License-Identifier: ISC */

/*
 * Gathers rows, then prints them with each column as wide as its widest text.
 * The last column is not padded.
 */

#include <errno.h>
#include <stdlib.h>

#include "cli/table.h"
#include "cli/text.h"

#define GUTTER	2

struct table {
	const char *const *headings;
	size_t columns, rows;
	char **cells;			/* rows * columns */
};

struct table *
table_new(const char *const *headings, size_t columns)
{
	struct table *t;

	if ((t = calloc(1, sizeof(*t))) != NULL) {
		t->headings = headings;
		t->columns = columns;
	}
	return (t);
}

int
table_add(struct table *t, char **texts)
{
	char **cells;
	size_t i;

	cells = reallocarray(t->cells, t->rows + 1, t->columns * sizeof(*cells));
	if (cells != NULL)
		t->cells = cells;
	for (i = 0; cells != NULL && i < t->columns; i++)
		if (texts[i] == NULL)
			cells = NULL;
	for (i = 0; i < t->columns; i++) {
		if (cells != NULL)
			cells[t->rows * t->columns + i] = texts[i];
		else
			free(texts[i]);
	}
	if (cells == NULL)
		return (-ENOMEM);
	t->rows++;
	return (0);
}

static size_t
column_width(const struct table *t, size_t column)
{
	size_t width = text_width(t->headings[column]), row, w;

	for (row = 0; row < t->rows; row++)
		if ((w = text_width(t->cells[row * t->columns + column])) > width)
			width = w;
	return (width);
}

static void
print_row(const struct table *t, const char *const *texts, const size_t *widths, FILE *f)
{
	size_t i, pad;

	for (i = 0; i < t->columns; i++) {
		pad = i + 1 < t->columns ? widths[i] - text_width(texts[i]) + GUTTER : 0;
		fprintf(f, "%s%*s", texts[i], (int)pad, "");
	}
	putc('\n', f);
}

int
table_print(const struct table *t, FILE *f)
{
	size_t *widths, i;

	if ((widths = calloc(t->columns, sizeof(*widths))) == NULL)
		return (-ENOMEM);
	for (i = 0; i < t->columns; i++)
		widths[i] = column_width(t, i);
	print_row(t, t->headings, widths, f);
	for (i = 0; i < t->rows; i++)
		print_row(t, (const char *const *)(t->cells + i * t->columns), widths, f);
	free(widths);
	return (0);
}

void
table_free(struct table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}
