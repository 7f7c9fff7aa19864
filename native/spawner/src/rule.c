/* See rule.h. */
#include "rule.h"

#include <errno.h>

static int check_ports(uint32_t number, const struct port_range *range, struct fault *fault) {
    return range->first >= 1 && range->first <= range->last
               ? 0 : fault_set(fault, EINVAL, "validate-rule", "rule %u: ports %u to %u; 1 to 65535, the first not above the last",
                               number, range->first, range->last);
}

static int check_rule(uint32_t number, const struct rule *rule, uint64_t high, uint64_t low, uint8_t deny, struct fault *fault) {
    if (deny > 1)
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: deny is %u; 0 or 1", number, deny);
    if (rule->family != 4 && rule->family != 6)
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: family %u; 4 or 6", number, rule->family);
    if (rule->prefix_length > (rule->family == 4 ? 32 : 128))
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: a prefix of %u bits", number, rule->prefix_length);
    if (rule->family == 4 && (high != 0 || low > UINT32_MAX))
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: an IPv4 address of more than 32 bits", number);
    if (rule->protocols < 1 || rule->protocols > (RULE_TCP | RULE_UDP))
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: protocols is %u; 1 TCP, 2 UDP, 3 both", number, rule->protocols);
    return 0;
}

static int parse_rule(struct wire_reader *reader, uint32_t number, struct rule *rule, struct fault *fault) {
    uint8_t deny = wire_read_u8(reader);
    rule->family = wire_read_u8(reader);
    uint64_t high = wire_read_u64(reader);
    uint64_t low = wire_read_u64(reader);
    rule->prefix_length = wire_read_u8(reader);
    uint32_t count = wire_read_count(reader);
    int result = 0;
    for (uint32_t i = 0; i < count && reader->error == 0; i++) {
        struct port_range range = {.first = wire_read_u16(reader)};
        range.last = wire_read_u16(reader);
        if (reader->error != 0 || i >= MAX_RULE_PORTS || result != 0)
            continue;
        result = check_ports(number, &range, fault);
        rule->ports[i] = range;
    }
    rule->protocols = wire_read_u8(reader);
    if (reader->error != 0)
        return -EBADMSG;
    if (count > MAX_RULE_PORTS)
        return fault_set(fault, EINVAL, "validate-rule", "rule %u: %u port ranges; allowed are %d", number, count, MAX_RULE_PORTS);
    rule->deny = deny == 1;
    rule->port_count = (uint8_t)count;
    if (result == 0)
        result = check_rule(number, rule, high, low, deny, fault);
    if (result == 0)
        rule->address = rule->family == 4 ? (uint32_t)low & prefix_mask(rule->prefix_length) : 0;
    return result;
}

int rules_parse(struct wire_reader *reader, struct rules *rules, struct fault *fault) {
    static struct rule unused; /* the frame is read to its end: malformed outranks refused */
    uint32_t count = wire_read_count(reader);
    int result = 0;
    for (uint32_t i = 0; i < count && reader->error == 0; i++) {
        struct fault later;
        bool keep = result == 0 && i < MAX_RULES;
        int one = parse_rule(reader, i + 1, keep ? &rules->items[i] : &unused, result == 0 ? fault : &later);
        result = result == 0 ? one : result;
    }
    if (reader->error != 0)
        return -EBADMSG;
    if (count > MAX_RULES)
        return fault_set(fault, EINVAL, "validate-rule", "%u rules; allowed are %d", count, MAX_RULES);
    rules->count = result == 0 ? count : 0;
    return result;
}
