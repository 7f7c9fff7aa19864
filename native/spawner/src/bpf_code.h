/*
 * A small assembler of eBPF: instructions appended to an array that grows up to a bound, jumps within a rule patched when
 * their target is known. The error is sticky. See Documentation/bpf/standardization/instruction-set.rst.
 */
#ifndef SPAWNER_BPF_CODE_H
#define SPAWNER_BPF_CODE_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

enum { BPF_CODE_MAX = 65536, BPF_PATCHES_MAX = 64 };

struct bpf_code {
    struct bpf_insn *instructions;
    size_t count, room;
    int error; /* 0, -ENOMEM, -E2BIG */
};

/* Jumps that wait for one target. */
struct bpf_label {
    size_t from[BPF_PATCHES_MAX];
    size_t count;
};

void bpf_emit(struct bpf_code *code, uint8_t operation, uint8_t to, uint8_t from, int16_t offset, int32_t value);
/* to = value */
void bpf_set(struct bpf_code *code, uint8_t to, int32_t value);
void bpf_copy(struct bpf_code *code, uint8_t to, uint8_t from);
/* to = the 32 bits at from + offset */
void bpf_load32(struct bpf_code *code, uint8_t to, uint8_t from, int16_t offset);
/* Network to host order. */
void bpf_be32(struct bpf_code *code, uint8_t to);
void bpf_be16(struct bpf_code *code, uint8_t to);
void bpf_and(struct bpf_code *code, uint8_t to, uint32_t mask);
/* to = the address of byte `offset` of the only value of an array map. */
void bpf_map_value(struct bpf_code *code, uint8_t to, int map, uint32_t offset);
/* The 64 bits at `to` += from, atomically. */
void bpf_add(struct bpf_code *code, uint8_t to, uint8_t from);
void bpf_exit(struct bpf_code *code);
/* Jumps to the label if `to <condition> value`, unsigned, 32 bits; condition is BPF_JEQ, BPF_JNE, BPF_JLT, BPF_JGT, … */
void bpf_jump_if(struct bpf_code *code, uint8_t condition, uint8_t to, uint32_t value, struct bpf_label *label);
void bpf_jump(struct bpf_code *code, struct bpf_label *label);
/* The label is here. */
void bpf_land(struct bpf_code *code, struct bpf_label *label);
void bpf_free(struct bpf_code *code);

#endif
