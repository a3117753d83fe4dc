/*
 * The codec contract of Muleteer: what a shared object libcodec_NAME.so offers to the server.
 *
 * The object exports one function, muleteer_codecs, which gives a table of codecs. The table and
 * all it points to are constant and live as long as the process: an object is never unloaded.
 *
 * - Strings are UTF-8 with a length, without a closing zero. Strings given to a function are
 *   borrowed for that call.
 * - Buffers belong to the caller. encode, encoder_request, decode and conceal neither allocate nor
 *   wait: they run on media threads.
 * - A coder is used by one thread at a time, but not always by the same one. All other functions
 *   may be called by several threads at once.
 * - No function lets an exception out or ends the process.
 *
 * Versions: a table of another major version is refused. Minor versions only add members at the end
 * of a structure; `size` says how much of it is there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MULETEER_CODEC_H
#define MULETEER_CODEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MULETEER_CODEC_ABI_MAJOR 1
#define MULETEER_CODEC_ABI_MINOR 0

/* The longest packet in milliseconds, and the largest payload in bytes. */
#define MULETEER_MAX_PACKET_MS 120
#define MULETEER_MAX_PAYLOAD_BYTES 1400

/* What encode, decode and conceal return instead of a count. */
#define MULETEER_REFUSED (-1)          /* not a payload, or not a length, of this codec */
#define MULETEER_BUFFER_TOO_SMALL (-2) /* `out` does not hold the result */
#define MULETEER_FAILED (-3)           /* the codec itself failed */

typedef struct muleteer_text {
    const char *ptr;
    size_t len;
} muleteer_text;

/* A buffer of the server for a message of one line; `len` is set by the codec. */
typedef struct muleteer_message {
    char *ptr;
    size_t capacity;
    size_t len;
} muleteer_message;

/* How PCM becomes packets (RFC 3551 4.2, 4.3). */
#define MULETEER_PACKING_SAMPLES 0 /* any number of units, each of exactly `unit_bytes` */
#define MULETEER_PACKING_FRAMES 1  /* one to `max_frames` frames */

typedef struct muleteer_packing {
    /* MULETEER_PACKING_... */
    uint32_t kind;
    /* Samples of a frame, or of the shortest stretch that fills whole bytes. */
    uint32_t unit_samples;
    /* Bytes of such a stretch, or of the largest packet of one frame. */
    uint32_t unit_bytes;
    /* Frames that may share a packet; 0 with MULETEER_PACKING_SAMPLES. */
    uint32_t max_frames;
} muleteer_packing;

typedef struct muleteer_codec {
    /* sizeof(muleteer_codec) */
    uint32_t size;
    /* The rate of the RTP timestamp. */
    uint32_t clock_rate;
    /* Samples a second of the PCM: mono, 16-bit, in the machine's byte order. */
    uint32_t sample_rate;
    /* The payload number fixed by RFC 3551, or -1. */
    int16_t static_payload_type;
    /* The channels that a=rtpmap names. */
    uint8_t channels;
    /* Zero. */
    uint8_t reserved;
    /* The encoding name of a=rtpmap. */
    muleteer_text encoding_name;
    /* The a=fmtp parameters of our offers, empty for none. */
    muleteer_text fmtp;

    /*
     * Reads what the a=fmtp of one side asks of the payloads that are sent to it ("" if it has none)
     * into a number that the other functions get, such as a set of flags: 1, or 0 when this codec
     * cannot be used so. Different texts of one meaning give the same number, and there are few
     * different ones: sounds are encoded, and kept, once for each. 0 stands for the defaults. NULL:
     * always 0.
     */
    int32_t (*variant)(muleteer_text fmtp, uint64_t *variant);
    /* How audio is cut into payloads. */
    void (*packing)(uint64_t variant, muleteer_packing *packing);
    /*
     * Writes the a=fmtp parameters that answer an offer with `fmtp`; returns their length, 0 for
     * none, or MULETEER_BUFFER_TOO_SMALL. NULL: the `fmtp` of our offers.
     */
    int32_t (*answer)(muleteer_text fmtp, char *out, size_t capacity);
    /* The samples in a payload; 0 when this codec cannot have made it. */
    int32_t (*samples_in)(uint64_t variant, const uint8_t *payload, size_t len);
    /*
     * What a payload asks of the encoder in the other direction, such as the codec mode request of
     * RFC 4867; negative for nothing. Goes to encoder_request. NULL: never anything.
     */
    int32_t (*request_in)(uint64_t variant, const uint8_t *payload, size_t len);

    /* Makes an encoder; NULL when that fails. */
    void *(*encoder_new)(uint64_t variant);
    /*
     * Encodes the PCM of one packet, whole units; returns the bytes written, 0 when there is nothing
     * to be sent.
     */
    int32_t (*encode)(void *encoder, const int16_t *pcm, size_t samples, uint8_t *out,
                      size_t capacity);
    /* Takes what request_in found. NULL exactly when request_in is NULL. */
    void (*encoder_request)(void *encoder, uint32_t request);
    void (*encoder_free)(void *encoder);

    /* Makes a decoder; NULL when that fails. */
    void *(*decoder_new)(uint64_t variant);
    /* Decodes one payload; returns the samples written. */
    int32_t (*decode)(void *decoder, const uint8_t *payload, size_t len, int16_t *out,
                      size_t capacity);
    /*
     * Fills `out` with a guess at what a lost packet held; returns the samples written. Later calls
     * in a row fade to silence. NULL: the server repeats the last pitch period.
     */
    int32_t (*conceal)(void *decoder, int16_t *out, size_t samples);
    void (*decoder_free)(void *decoder);
} muleteer_codec;

typedef struct muleteer_codec_table {
    /* sizeof(muleteer_codec_table) */
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    /* 1 to 32. */
    uint32_t codec_count;
    const muleteer_codec *const *codecs;
} muleteer_codec_table;

/*
 * The one exported function. NULL with a message for the operator when the codecs cannot be used
 * here, as when a library is not installed.
 */
const muleteer_codec_table *muleteer_codecs(muleteer_message *problem);

#ifdef __cplusplus
}
#endif

#endif
