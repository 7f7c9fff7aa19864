/* See bpf_code.h. */
#include "bpf_code.h"

#include <errno.h>
#include <stdlib.h>

void bpf_emit(struct bpf_code *code, uint8_t operation, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    if (code->error != 0)
        return;
    if (code->count == code->room) {
        size_t room = code->room == 0 ? 256 : 2 * code->room;
        struct bpf_insn *larger = room > BPF_CODE_MAX ? NULL : realloc(code->instructions, room * sizeof *larger);
        if (larger == NULL) {
            code->error = room > BPF_CODE_MAX ? -E2BIG : -ENOMEM;
            return;
        }
        code->instructions = larger;
        code->room = room;
    }
    code->instructions[code->count++] = (struct bpf_insn){
        .code = operation, .dst_reg = (uint8_t)(to & 0xf), .src_reg = (uint8_t)(from & 0xf), .off = offset, .imm = value};
}

void bpf_set(struct bpf_code *code, uint8_t to, int32_t value) {
    bpf_emit(code, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void bpf_copy(struct bpf_code *code, uint8_t to, uint8_t from) {
    bpf_emit(code, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void bpf_load32(struct bpf_code *code, uint8_t to, uint8_t from, int16_t offset) {
    bpf_emit(code, BPF_LDX | BPF_MEM | BPF_W, to, from, offset, 0);
}

void bpf_be32(struct bpf_code *code, uint8_t to) {
    bpf_emit(code, BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, 32);
}

void bpf_be16(struct bpf_code *code, uint8_t to) {
    bpf_emit(code, BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, 16);
}

void bpf_and(struct bpf_code *code, uint8_t to, uint32_t mask) {
    bpf_emit(code, BPF_ALU | BPF_AND | BPF_K, to, 0, 0, (int32_t)mask);
}

void bpf_map_value(struct bpf_code *code, uint8_t to, int map, uint32_t offset) {
    bpf_emit(code, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, map);
    bpf_emit(code, 0, 0, 0, 0, (int32_t)offset);
}

void bpf_add(struct bpf_code *code, uint8_t to, uint8_t from) {
    bpf_emit(code, BPF_STX | BPF_ATOMIC | BPF_DW, to, from, 0, BPF_ADD);
}

void bpf_exit(struct bpf_code *code) {
    bpf_emit(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void note(struct bpf_code *code, struct bpf_label *label) {
    if (label->count == BPF_PATCHES_MAX)
        code->error = -E2BIG;
    else if (code->error == 0)
        label->from[label->count++] = code->count - 1;
}

void bpf_jump_if(struct bpf_code *code, uint8_t condition, uint8_t to, uint32_t value, struct bpf_label *label) {
    bpf_emit(code, (uint8_t)(BPF_JMP32 | condition | BPF_K), to, 0, 0, (int32_t)value);
    note(code, label);
}

void bpf_jump(struct bpf_code *code, struct bpf_label *label) {
    bpf_emit(code, BPF_JMP | BPF_JA, 0, 0, 0, 0);
    note(code, label);
}

void bpf_land(struct bpf_code *code, struct bpf_label *label) {
    for (size_t i = 0; i < label->count && code->error == 0; i++) {
        size_t distance = code->count - label->from[i] - 1;
        if (distance > INT16_MAX)
            code->error = -E2BIG;
        else
            code->instructions[label->from[i]].off = (int16_t)distance;
    }
    label->count = 0;
}

void bpf_free(struct bpf_code *code) {
    free(code->instructions);
    *code = (struct bpf_code){0};
}
