package io.parley.node.chaos;

/** Who calls, and with what key. */
record Tenant(String name, String apiKey) {}
