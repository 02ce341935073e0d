/*
 * What the service manager is told, sd_notify(3). Without one, nothing happens.
 */
#ifndef MONITOR_NOTIFY_H
#define MONITOR_NOTIFY_H

void notify_ready(unsigned int listeners);
void notify_reloading(void);
void notify_stopping(void);

#endif
