/*
 * Counts what the coders of the objects named as arguments allocate while they run, their libraries
 * included: malloc of this program stands before that of the C library. Prints a line for each codec.
 */
#include "muleteer_codec.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *memory);

static unsigned calls;

void *malloc(size_t size)
{
    calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    calls++;
    return __libc_realloc(old, size);
}

void free(void *memory)
{
    if (memory)
        calls++;
    __libc_free(memory);
}

static unsigned run(const muleteer_codec *codec)
{
    static int16_t pcm[5760];
    static uint8_t payload[MULETEER_MAX_PAYLOAD_BYTES];
    muleteer_packing packing;
    codec->packing(0, &packing);
    size_t samples = packing.unit_samples;
    if (packing.kind == MULETEER_PACKING_SAMPLES)
        samples = codec->sample_rate / 50;
    calls = 0;
    void *encoder = codec->encoder_new(0);
    void *decoder = codec->decoder_new(0);
    if (calls < 2) /* two coders, and nothing counted */
        return (unsigned)-1;
    unsigned noise = 1;
    calls = 0;
    for (int packet = 0; packet < 50; packet++) {
        for (size_t i = 0; i < samples; i++) {
            noise = noise * 1664525 + 1013904223;
            pcm[i] = (int16_t)(noise >> 20);
        }
        int32_t len = codec->encode(encoder, pcm, samples, payload, sizeof payload);
        /* So that a fault does not look like a good result. */
        if (len <= 0 || codec->decode(decoder, payload, (size_t)len, pcm, 5760) <= 0)
            return (unsigned)-1;
        if (codec->conceal)
            codec->conceal(decoder, pcm, samples);
    }
    unsigned made = calls;
    codec->encoder_free(encoder);
    codec->decoder_free(decoder);
    return made;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *object = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        if (!object) {
            puts(dlerror());
            return 1;
        }
        const muleteer_codec_table *(*entry)(muleteer_message *);
        *(void **)&entry = dlsym(object, "muleteer_codecs");
        const muleteer_codec_table *table = entry(NULL);
        if (!table)
            return 1;
        for (uint32_t n = 0; n < table->codec_count; n++) {
            const muleteer_codec *codec = table->codecs[n];
            unsigned made = run(codec);
            muleteer_text name = codec->encoding_name;
            printf("%.*s/%u %u\n", (int)name.len, name.ptr, codec->clock_rate, made);
        }
    }
    return 0;
}
