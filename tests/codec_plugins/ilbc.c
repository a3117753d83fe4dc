/* Stands in for libilbc: its functions, without its codec. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int samples;
    int bytes;
} instance;

static int16_t create(instance **place)
{
    *place = calloc(1, sizeof **place);
    return *place ? 0 : -1;
}

static int16_t init(instance *it, int16_t mode)
{
    it->samples = mode * 8;
    it->bytes = mode == 20 ? 38 : 50;
    return mode == 20 || mode == 30 ? 0 : -1;
}

int16_t WebRtcIlbcfix_EncoderCreate(instance **place) { return create(place); }
int16_t WebRtcIlbcfix_DecoderCreate(instance **place) { return create(place); }
int16_t WebRtcIlbcfix_EncoderInit(instance *it, int16_t mode) { return init(it, mode); }
int16_t WebRtcIlbcfix_DecoderInit(instance *it, int16_t mode) { return init(it, mode); }
int16_t WebRtcIlbcfix_EncoderFree(instance *it) { free(it); return 0; }
int16_t WebRtcIlbcfix_DecoderFree(instance *it) { free(it); return 0; }

int WebRtcIlbcfix_Encode(instance *it, const int16_t *speech, size_t len, uint8_t *encoded)
{
    if ((int)len != it->samples)
        return -1;
    for (int i = 0; i < it->bytes; i++)
        encoded[i] = (uint8_t)speech[i];
    return it->bytes;
}

int WebRtcIlbcfix_Decode(instance *it, const uint8_t *encoded, size_t len, int16_t *decoded,
                         int16_t *speech_type)
{
    if ((int)len != it->bytes)
        return -1;
    memset(decoded, 0, (size_t)it->samples * 2);
    for (int i = 0; i < it->bytes; i++)
        decoded[i] = encoded[i];
    *speech_type = 1;
    return it->samples;
}

size_t WebRtcIlbcfix_DecodePlc(instance *it, int16_t *decoded, size_t frames)
{
    for (size_t i = 0; i < frames * (size_t)it->samples; i++)
        decoded[i] = 1;
    return frames * (size_t)it->samples;
}
