/* BLAKE3 of up to 1024 bytes: one chunk, which is its own root. What is longer is left to the library `blake3`, whose
   objects take longer to make than such a digest. */

#include <stdint.h>
#include <string.h>

#define CHUNK_SIZE 1024
#define BLOCK_SIZE 64
#define DIGEST_SIZE 32

enum { CHUNK_START = 1, CHUNK_END = 2, ROOT = 8 };

static const uint32_t initial[8] = {
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
};

/* The words of the message in the order in which each round takes them. */
static const unsigned char schedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

static inline uint32_t
turned(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static inline void
mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = turned(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = turned(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 7);
}

static inline uint32_t
word_at(const unsigned char *place)
{
    return (uint32_t)place[0] | (uint32_t)place[1] << 8 | (uint32_t)place[2] << 16 | (uint32_t)place[3] << 24;
}

/* Chain one block of the first chunk, of which `size` bytes count. */
static void
chain_block(uint32_t *chained, const unsigned char *block, uint32_t size, uint32_t flags)
{
    uint32_t words[16], v[16];
    for (int i = 0; i < 16; i++) {
        words[i] = word_at(block + 4 * i);
    }
    memcpy(v, chained, 32);
    memcpy(v + 8, initial, 16);
    v[12] = v[13] = 0;
    v[14] = size;
    v[15] = flags;
#pragma GCC unroll 7 /* so that the places of words are constants: two thirds of the time */
    for (int round = 0; round < 7; round++) {
        const unsigned char *at = schedule[round];
        mix(v, 0, 4, 8, 12, words[at[0]], words[at[1]]);
        mix(v, 1, 5, 9, 13, words[at[2]], words[at[3]]);
        mix(v, 2, 6, 10, 14, words[at[4]], words[at[5]]);
        mix(v, 3, 7, 11, 15, words[at[6]], words[at[7]]);
        mix(v, 0, 5, 10, 15, words[at[8]], words[at[9]]);
        mix(v, 1, 6, 11, 12, words[at[10]], words[at[11]]);
        mix(v, 2, 7, 8, 13, words[at[12]], words[at[13]]);
        mix(v, 3, 4, 9, 14, words[at[14]], words[at[15]]);
    }
    for (int i = 0; i < 8; i++) {
        chained[i] = v[i] ^ v[i + 8];
    }
}

/* The hex digits of the digest of at most CHUNK_SIZE bytes. */
static void
write_digest(const unsigned char *data, size_t size, char *digits)
{
    uint32_t chained[8], flags = CHUNK_START;
    unsigned char last[BLOCK_SIZE] = {0};
    memcpy(chained, initial, sizeof(initial));
    for (; size > BLOCK_SIZE; data += BLOCK_SIZE, size -= BLOCK_SIZE, flags = 0) {
        chain_block(chained, data, BLOCK_SIZE, flags);
    }
    memcpy(last, data, size);
    chain_block(chained, last, (uint32_t)size, flags | CHUNK_END | ROOT);
    for (int i = 0; i < DIGEST_SIZE; i++) {
        unsigned char byte = (unsigned char)(chained[i / 4] >> 8 * (i % 4));
        *digits++ = "0123456789abcdef"[byte >> 4];
        *digits++ = "0123456789abcdef"[byte & 15];
    }
}
