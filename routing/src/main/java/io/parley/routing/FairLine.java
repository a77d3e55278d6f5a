package io.parley.routing;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Works of one priority that wait: one of each tenant in turn, a tenant's own in order of arrival.
 */
final class FairLine {
  record Waiting(Work work, long sinceNanos) {}

  // in the order of their turns; a tenant without works is not in it
  private final Map<TenantId, Map<AttemptId, Waiting>> tenants = new LinkedHashMap<>();
  private int size;

  int size() {
    return size;
  }

  /** How many works of a tenant wait. */
  int size(TenantId tenant) {
    return tenants.getOrDefault(tenant, Map.of()).size();
  }

  Set<TenantId> tenants() {
    return tenants.keySet();
  }

  boolean contains(AttemptId id) {
    return tenants.getOrDefault(id.session().tenant(), Map.of()).containsKey(id);
  }

  void add(Work work, long nowNanos) {
    Map<AttemptId, Waiting> own =
        tenants.computeIfAbsent(tenant(work.id()), t -> new LinkedHashMap<>());
    size += own.put(work.id(), new Waiting(work, nowNanos)) == null ? 1 : 0;
  }

  /** The work whose turn it is. */
  Optional<Waiting> first() {
    return tenants.values().stream().findFirst().map(own -> own.values().iterator().next());
  }

  /** Takes a work out; false when it does not wait here. */
  boolean remove(AttemptId id) {
    Map<AttemptId, Waiting> own = tenants.get(tenant(id));
    if (own == null || own.remove(id) == null) {
      return false;
    }
    size--;
    if (own.isEmpty()) {
      tenants.remove(tenant(id));
    }
    return true;
  }

  /** Its tenant had its turn. */
  void goBehind(TenantId tenant) {
    Map<AttemptId, Waiting> own = tenants.remove(tenant);
    if (own != null) {
      tenants.put(tenant, own);
    }
  }

  /** All works of which this holds. */
  List<Work> all(Predicate<Work> which) {
    List<Work> works = new ArrayList<>();
    for (Map<AttemptId, Waiting> own : tenants.values()) {
      for (Waiting waiting : own.values()) {
        if (which.test(waiting.work())) {
          works.add(waiting.work());
        }
      }
    }
    return works;
  }

  private static TenantId tenant(AttemptId id) {
    return id.session().tenant();
  }
}
