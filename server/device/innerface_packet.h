/* Innerface device packet, version 1: see docs/protocol.md. No dependencies, no allocation; C99, for firmware.
 *
 *   uint8_t packet[INNERFACE_LIMIT];
 *   innerface_samples s = {0};
 *   s.device = 0x7a3f; s.sequence = n++; s.time_us = esp_timer_get_time(); s.up = 3; s.since_sync_us = INNERFACE_NO_SYNC;
 *   s.sites = sites; s.count = 11;
 *   size_t size = innerface_encode(&s, packet, sizeof packet);            // send it by UDP to port 7645, or
 *   size = innerface_frame(packet, size, line, sizeof line);              // write this to a serial port
 */
#ifndef INNERFACE_PACKET_H
#define INNERFACE_PACKET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INNERFACE_LIMIT 1200
#define INNERFACE_NO_SYNC 0xFFFFFFFFu
#define INNERFACE_PORT 7645

enum { INNERFACE_LINEAR = 1, INNERFACE_GYRO = 2 };                             /* flags */
enum { INNERFACE_LOST = 1, INNERFACE_SATURATED = 2, INNERFACE_CALIBRATING = 4 }; /* a site's status */

typedef struct {
  uint8_t id;            /* the site's number in the layout: 0 aux, 1 frontalis_left, ... */
  uint8_t status;
  float q[4];            /* orientation w, x, y, z, sensor to world */
  float acceleration[3]; /* m/s^2, sensor's frame; with gravity in it unless INNERFACE_LINEAR */
  float gyro[3];         /* rad/s, only with INNERFACE_GYRO */
} innerface_site;

typedef struct {
  uint16_t device;        /* stable: the last two bytes of the MAC, say */
  uint16_t flags;
  uint8_t up;             /* the world's up axis: 0 unknown, 1 x, 2 y, 3 z */
  uint16_t battery_mv;    /* 0: unknown */
  uint32_t sequence;      /* counts packets */
  uint64_t time_us;       /* when the sensors were read, on the device's own clock */
  uint16_t sync_pulses;   /* edges seen on the sync pin so far */
  uint32_t since_sync_us; /* since the last of them */
  const innerface_site *sites;
  uint8_t count;
} innerface_samples;

/* A packet of samples; its size, or 0 where `room` does not suffice or there are too many sites. */
size_t innerface_encode(const innerface_samples *samples, uint8_t *out, size_t room);

/* A call for the host, to be broadcast once a second until innerface_is_welcome; then send samples to where the answer came from. */
size_t innerface_hello(uint16_t device, const char *name, const char *firmware, const uint8_t *ids, uint8_t count, uint32_t sequence, uint8_t *out, size_t room);

/* Whether a received datagram is the host's answer. */
int innerface_is_welcome(const uint8_t *data, size_t size);

/* A packet as a COBS frame with its delimiter, for serial lines; its size, or 0 where `room` does not suffice (size + size / 254 + 2). */
size_t innerface_frame(const uint8_t *packet, size_t size, uint8_t *out, size_t room);

#ifdef __cplusplus
}
#endif
#endif
