/*
 * Signal dispositions of a program that another one started.
 */
#ifndef COMMON_SIGNALS_H
#define COMMON_SIGNALS_H

/*
 * Every signal has its default disposition, and none is blocked. Includes the two
 * that glibc keeps to itself and signal(2) refuses: ignored by whoever started
 * us, they would be handed on through every exec.
 */
void signals_default(void);

#endif
