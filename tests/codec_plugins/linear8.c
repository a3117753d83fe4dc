/* A codec in C: the upper eight bits of each sample. Built with the contract's header only. */
#include "muleteer_codec.h"

#include <stdlib.h>
#include <string.h>

static void packing(uint64_t variant, muleteer_packing *out)
{
    (void)variant;
    out->kind = MULETEER_PACKING_SAMPLES;
    out->unit_samples = 1;
    out->unit_bytes = 1;
    out->max_frames = 0;
}

static int32_t samples_in(uint64_t variant, const uint8_t *payload, size_t len)
{
    (void)variant;
    (void)payload;
    return len <= 960 ? (int32_t)len : 0;
}

static void *coder_new(uint64_t variant)
{
    (void)variant;
    return malloc(1);
}

static int32_t encode(void *coder, const int16_t *pcm, size_t samples, uint8_t *out,
                      size_t capacity)
{
    (void)coder;
    if (samples > capacity)
        return MULETEER_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < samples; i++)
        out[i] = (uint8_t)((pcm[i] + 32768) >> 8);
    return (int32_t)samples;
}

static int32_t decode(void *coder, const uint8_t *payload, size_t len, int16_t *out,
                      size_t capacity)
{
    (void)coder;
    if (len > capacity)
        return MULETEER_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < len; i++)
        out[i] = (int16_t)((payload[i] << 8) - 32768);
    return (int32_t)len;
}

const muleteer_codec linear8 = {
    .size = sizeof(muleteer_codec),
    .clock_rate = 8000,
    .sample_rate = 8000,
    .static_payload_type = -1,
    .channels = 1,
    .encoding_name = {"L8", 2},
    .fmtp = {NULL, 0},
    .packing = packing,
    .samples_in = samples_in,
    .encoder_new = coder_new,
    .encode = encode,
    .encoder_free = free,
    .decoder_new = coder_new,
    .decode = decode,
    .decoder_free = free,
};

#if defined REFUSES
const muleteer_codec_table *muleteer_codecs(muleteer_message *problem)
{
    static const char text[] = "no licence was found";
    memcpy(problem->ptr, text, sizeof text - 1);
    problem->len = sizeof text - 1;
    return NULL;
}
#elif !defined NO_ENTRY
const muleteer_codec_table *muleteer_codecs(muleteer_message *problem)
{
    static const muleteer_codec *const codecs[] = {&linear8};
    static const muleteer_codec_table table = {
        .size = sizeof(muleteer_codec_table),
#ifdef WRONG_VERSION
        .abi_major = MULETEER_CODEC_ABI_MAJOR + 1,
#else
        .abi_major = MULETEER_CODEC_ABI_MAJOR,
#endif
        .abi_minor = MULETEER_CODEC_ABI_MINOR,
        .codec_count = 1,
        .codecs = codecs,
    };
    (void)problem;
    return &table;
}
#endif

/* The layout of the contract as C sees it, for a comparison with Rust. */
const size_t muleteer_layout[] = {
    sizeof(muleteer_text),
    sizeof(muleteer_message),
    sizeof(muleteer_packing),
    sizeof(muleteer_codec),
    sizeof(muleteer_codec_table),
    offsetof(muleteer_message, capacity),
    offsetof(muleteer_message, len),
    offsetof(muleteer_packing, unit_samples),
    offsetof(muleteer_packing, unit_bytes),
    offsetof(muleteer_packing, max_frames),
    offsetof(muleteer_codec, clock_rate),
    offsetof(muleteer_codec, sample_rate),
    offsetof(muleteer_codec, static_payload_type),
    offsetof(muleteer_codec, channels),
    offsetof(muleteer_codec, encoding_name),
    offsetof(muleteer_codec, fmtp),
    offsetof(muleteer_codec, variant),
    offsetof(muleteer_codec, packing),
    offsetof(muleteer_codec, answer),
    offsetof(muleteer_codec, samples_in),
    offsetof(muleteer_codec, request_in),
    offsetof(muleteer_codec, encoder_new),
    offsetof(muleteer_codec, encode),
    offsetof(muleteer_codec, encoder_request),
    offsetof(muleteer_codec, encoder_free),
    offsetof(muleteer_codec, decoder_new),
    offsetof(muleteer_codec, decode),
    offsetof(muleteer_codec, conceal),
    offsetof(muleteer_codec, decoder_free),
    offsetof(muleteer_codec_table, abi_major),
    offsetof(muleteer_codec_table, abi_minor),
    offsetof(muleteer_codec_table, codec_count),
    offsetof(muleteer_codec_table, codecs),
    MULETEER_CODEC_ABI_MAJOR,
    MULETEER_CODEC_ABI_MINOR,
    MULETEER_MAX_PACKET_MS,
    MULETEER_MAX_PAYLOAD_BYTES,
    (size_t)-MULETEER_REFUSED,
    (size_t)-MULETEER_BUFFER_TOO_SMALL,
    (size_t)-MULETEER_FAILED,
    MULETEER_PACKING_SAMPLES,
    MULETEER_PACKING_FRAMES,
};
const size_t muleteer_layout_len = sizeof muleteer_layout / sizeof *muleteer_layout;
