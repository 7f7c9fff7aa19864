package dev.tinyvm.app;
final class HostManager {}
