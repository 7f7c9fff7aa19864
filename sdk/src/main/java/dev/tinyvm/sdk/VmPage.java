package dev.tinyvm.sdk;

import java.util.List;

/** @param nextToken of the next page; empty: this was the last */
public record VmPage(List<VmInfo> vms, String nextToken) {}
