/* See guard.h. */
#include "guard.h"

#include <stdio.h>
#include <string.h>

#include "nat.h"
#include "nft.h"
#include "veth.h"

enum { BEFORE_FILTERS = -10, IPV4 = 2, BATCH_BYTES = 64 << 10 };

int guard_set(const char *const *interfaces, size_t count) {
    static uint8_t bytes[BATCH_BYTES];
    struct nft nft;
    nft_begin(&nft, bytes, sizeof bytes, "tinyvm");
    nft_add_table(&nft);
    nft_delete_table(&nft);
    if (count > 0) {
        nft_add_table(&nft);
        nft_add_set(&nft, "opened", INTERFACE_BYTES, false);
        for (size_t i = 0; i < count; i++) {
            char name[INTERFACE_BYTES] = {0}; /* compared whole */
            snprintf(name, sizeof name, "%s", interfaces[i]);
            nft_add_element(&nft, "opened", name, sizeof name, NULL);
        }
        nft_add_chain(&nft, "forward", "filter", NF_INET_FORWARD, BEFORE_FILTERS);
        nft_rule(&nft, "forward");
        nft_meta(&nft, NFT_META_NFPROTO);
        const uint8_t ipv4 = IPV4;
        nft_compare(&nft, NFT_CMP_EQ, &ipv4, 1);
        nft_meta(&nft, NFT_META_IIFNAME);
        nft_lookup(&nft, "opened", false);
        nft_meta(&nft, NFT_META_OIFNAME);
        nft_compare(&nft, NFT_CMP_NEQ, VETH_PREFIX, strlen(VETH_PREFIX));
        nft_verdict(&nft, NF_DROP, NULL);
        nft_rule_end(&nft);
    }
    return nft_commit(&nft);
}
