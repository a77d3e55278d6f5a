package io.parley.routing;

import io.parley.routing.protocol.TenantId;
import java.util.Set;

/**
 * What is known outside of the dispatcher of a model's queue that is full.
 *
 * @param retryAfterMillis when there may be room
 * @param forAll whether nobody has room
 * @param tenants who has no room, though others have; empty when nobody has
 */
record FullQueue(long retryAfterMillis, boolean forAll, Set<TenantId> tenants) {
  FullQueue {
    tenants = Set.copyOf(tenants);
  }

  boolean refuses(TenantId tenant) {
    return forAll || tenants.contains(tenant);
  }
}
