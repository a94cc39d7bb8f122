/* See innerface_packet.h. Numbers are written byte by byte: it works on any machine, whatever its byte order and alignment. */
#include "innerface_packet.h"

#include <string.h>

enum { HEADER = 32, BASE = 20, SITE = 16, SITE_GYRO = 22, KIND_SAMPLES = 1, KIND_HELLO = 2, KIND_WELCOME = 3, VERSION = 1 };

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
  for (int k = 0; k < bytes; k++) *at++ = (uint8_t)(value >> (8 * k));
  return at;
}

static uint8_t *put_scaled(uint8_t *at, float value, float step) {
  float x = value / step;
  int32_t n = x != x ? 0 : x > 32767.0f ? 32767 : x < -32767.0f ? -32767 : (int32_t)(x < 0 ? x - 0.5f : x + 0.5f);
  return put(at, (uint16_t)(int16_t)n, 2);
}

static uint32_t crc32(const uint8_t *data, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t k = 0; k < size; k++) {
    crc ^= data[k];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

static uint8_t *base(uint8_t *at, uint8_t kind, uint8_t header, uint16_t flags, uint16_t battery, uint32_t sequence, uint64_t time_us) {
  *at++ = 'I';
  *at++ = 'F';
  *at++ = VERSION;
  *at++ = kind;
  *at++ = header;
  *at++ = (uint8_t)flags;
  at = put(at, battery, 2);
  at = put(at, sequence, 4);
  return put(at, time_us, 8);
}

static size_t closed(uint8_t *out, uint8_t *at) {
  put(at, crc32(out, (size_t)(at - out)), 4);
  return (size_t)(at - out) + 4;
}

size_t innerface_encode(const innerface_samples *s, uint8_t *out, size_t room) {
  const int gyro = (s->flags & INNERFACE_GYRO) != 0;
  const size_t each = gyro ? SITE_GYRO : SITE, size = HEADER + each * s->count + 4;
  if (size > room || size > INNERFACE_LIMIT) return 0;
  uint8_t *at = base(out, KIND_SAMPLES, HEADER, (uint16_t)((s->flags & 3u) | (uint16_t)(s->up & 3u) << 2), s->battery_mv, s->sequence, s->time_us);
  at = put(at, s->device, 2);
  at = put(at, s->sync_pulses, 2);
  at = put(at, s->since_sync_us, 4);
  *at++ = s->count;
  *at++ = (uint8_t)each;
  at = put(at, 0, 2);
  for (int k = 0; k < s->count; k++) {
    const innerface_site *site = &s->sites[k];
    *at++ = site->id;
    *at++ = site->status;
    for (int c = 0; c < 4; c++) at = put_scaled(at, site->q[c], 1.0f / 32767.0f);
    for (int c = 0; c < 3; c++) at = put_scaled(at, site->acceleration[c], 0.005f);
    for (int c = 0; gyro && c < 3; c++) at = put_scaled(at, site->gyro[c], 0.001f);
  }
  return closed(out, at);
}

size_t innerface_hello(uint16_t device, const char *name, const char *firmware, const uint8_t *ids, uint8_t count, uint32_t sequence, uint8_t *out, size_t room) {
  const char *texts[2] = {name, firmware};
  size_t lengths[2], size = BASE + 2 + 1 + count + 4;
  for (int k = 0; k < 2; k++) {
    lengths[k] = strlen(texts[k]) < 60 ? strlen(texts[k]) : 60;
    size += 1 + lengths[k];
  }
  if (size > room || size > INNERFACE_LIMIT) return 0;
  uint8_t *at = base(out, KIND_HELLO, BASE, 0, 0, sequence, 0);
  at = put(at, device, 2);
  for (int k = 0; k < 2; k++) {
    *at++ = (uint8_t)lengths[k];
    memcpy(at, texts[k], lengths[k]);
    at += lengths[k];
  }
  *at++ = count;
  memcpy(at, ids, count);
  return closed(out, at + count);
}

int innerface_is_welcome(const uint8_t *data, size_t size) {
  if (size != BASE + 4 || data[0] != 'I' || data[1] != 'F' || data[2] != VERSION || data[3] != KIND_WELCOME) return 0;
  uint32_t crc = crc32(data, BASE);
  for (int k = 0; k < 4; k++)
    if (data[BASE + k] != (uint8_t)(crc >> (8 * k))) return 0;
  return 1;
}

size_t innerface_frame(const uint8_t *packet, size_t size, uint8_t *out, size_t room) {
  if (room < size + size / 254 + 2) return 0;
  uint8_t *code = out, *at = out + 1, run = 1;
  for (size_t k = 0; k < size; k++) {
    if (packet[k]) {
      *at++ = packet[k];
      run++;
    }
    if (!packet[k] || (run == 255 && k + 1 < size)) {
      *code = run;
      code = at++;
      run = 1;
    }
  }
  *code = run;
  *at++ = 0;
  return (size_t)(at - out);
}
