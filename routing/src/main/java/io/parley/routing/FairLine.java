package io.parley.routing;

import io.parley.routing.protocol.TenantId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * What waits, of one priority: one of each tenant in turn, a tenant's own in order of arrival.
 *
 * @param <K> names an item among its tenant's
 * @param <W> what waits
 */
final class FairLine<K, W> {
  record Waiting<W>(W item, long sinceNanos) {}

  // in the order of their turns; a tenant that waits for nothing is not in it
  private final Map<TenantId, Map<K, Waiting<W>>> tenants = new LinkedHashMap<>();
  private int size;

  int size() {
    return size;
  }

  /** How many items of a tenant wait. */
  int size(TenantId tenant) {
    return tenants.getOrDefault(tenant, Map.of()).size();
  }

  Set<TenantId> tenants() {
    return tenants.keySet();
  }

  boolean contains(TenantId tenant, K key) {
    return tenants.getOrDefault(tenant, Map.of()).containsKey(key);
  }

  void add(TenantId tenant, K key, W item, long nowNanos) {
    Map<K, Waiting<W>> own = tenants.computeIfAbsent(tenant, t -> new LinkedHashMap<>());
    size += own.put(key, new Waiting<>(item, nowNanos)) == null ? 1 : 0;
  }

  /** The item whose turn it is. */
  Optional<Waiting<W>> first() {
    return tenants.values().stream().findFirst().map(own -> own.values().iterator().next());
  }

  /** Takes an item out; false when it does not wait here. */
  boolean remove(TenantId tenant, K key) {
    Map<K, Waiting<W>> own = tenants.get(tenant);
    if (own == null || own.remove(key) == null) {
      return false;
    }
    size--;
    if (own.isEmpty()) {
      tenants.remove(tenant);
    }
    return true;
  }

  /** Its tenant had its turn. */
  void goBehind(TenantId tenant) {
    Map<K, Waiting<W>> own = tenants.remove(tenant);
    if (own != null) {
      tenants.put(tenant, own);
    }
  }

  /** All items of which this holds. */
  List<W> all(Predicate<W> which) {
    List<W> items = new ArrayList<>();
    for (Map<K, Waiting<W>> own : tenants.values()) {
      for (Waiting<W> waiting : own.values()) {
        if (which.test(waiting.item())) {
          items.add(waiting.item());
        }
      }
    }
    return items;
  }
}
