package io.parley.routing;

import io.parley.routing.protocol.TenantId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * What waits, of one priority: tenants take turns by their weights, a tenant's own go in order of
 * arrival.
 *
 * <p>Each tenant has a pass. Whose pass is lowest has its turn, which raises it by one over the
 * tenant's weight; a tenant that joins begins at the pass of the latest turn, so that it is owed
 * nothing for the time before, or where it left off when that is higher.
 *
 * @param <K> names an item among its tenant's
 * @param <W> what waits
 */
final class FairLine<K, W> {
  private static final int LEFT_MAX = 1024;

  private static final class Line<K, W> {
    final TenantId tenant;
    final double step;
    final Map<K, W> works = new LinkedHashMap<>();
    double pass;
    long arrival; // decides among equal passes

    Line(TenantId tenant, double step) {
      this.tenant = tenant;
      this.step = step;
    }
  }

  private final ToDoubleFunction<TenantId> weights;
  private final Map<TenantId, Line<K, W>> lines =
      new HashMap<>(); // a tenant without works is not in it
  private final TreeSet<Line<K, W>> turns =
      new TreeSet<>(
          Comparator.<Line<K, W>>comparingDouble(line -> line.pass)
              .thenComparingLong(line -> line.arrival));
  private final Map<TenantId, Double> left =
      new HashMap<>(); // passes of who left, above latestPass
  private double latestPass;
  private long arrivals;
  private int size;

  FairLine(ToDoubleFunction<TenantId> weights) {
    this.weights = weights;
  }

  int size() {
    return size;
  }

  /** How many works of a tenant wait. */
  int size(TenantId tenant) {
    Line<K, W> line = lines.get(tenant);
    return line == null ? 0 : line.works.size();
  }

  Set<TenantId> tenants() {
    return lines.keySet();
  }

  boolean contains(TenantId tenant, K key) {
    Line<K, W> line = lines.get(tenant);
    return line != null && line.works.containsKey(key);
  }

  void add(TenantId tenant, K key, W item) {
    Line<K, W> line = lines.get(tenant);
    if (line == null) {
      line = join(tenant);
    }
    size += line.works.put(key, item) == null ? 1 : 0;
  }

  private Line<K, W> join(TenantId tenant) {
    Line<K, W> line = new Line<>(tenant, 1 / weights.applyAsDouble(tenant));
    Double leftAt = left.remove(tenant);
    line.pass = leftAt == null ? latestPass : Math.max(latestPass, leftAt);
    line.arrival = ++arrivals;
    lines.put(tenant, line);
    turns.add(line);
    return line;
  }

  /** Puts a work that was taken back to where it was: the next of its tenant, whose turn it is. */
  void putBack(TenantId tenant, K key, W item) {
    Line<K, W> line = lines.get(tenant);
    if (line == null) {
      line = join(tenant);
    }
    Map<K, W> behind = new LinkedHashMap<>(line.works);
    line.works.clear();
    line.works.put(key, item);
    line.works.putAll(behind);
    size += line.works.size() - behind.size();
    turns.remove(line);
    line.pass -= line.step;
    arrivals++;
    line.arrival = -arrivals; // before its equals
    turns.add(line);
  }

  /** The works in the order of their turns, as it stands now; not to be used after a change. */
  Iterator<W> inTurn() {
    record Next<W>(double pass, long arrival, double step, Iterator<W> works) {}
    PriorityQueue<Next<W>> next =
        new PriorityQueue<>(
            Comparator.<Next<W>>comparingDouble(Next::pass).thenComparingLong(Next::arrival));
    // the tenants behind are looked at when their passes are reached
    Iterator<Line<K, W>> others = turns.iterator();
    return new Iterator<>() {
      private Line<K, W> upcoming = others.hasNext() ? others.next() : null;
      private long arrived = arrivals;

      @Override
      public boolean hasNext() {
        return upcoming != null || !next.isEmpty();
      }

      @Override
      public W next() {
        while (upcoming != null && (next.isEmpty() || upcoming.pass <= next.peek().pass())) {
          next.add(
              new Next<>(
                  upcoming.pass,
                  upcoming.arrival,
                  upcoming.step,
                  upcoming.works.values().iterator()));
          upcoming = others.hasNext() ? others.next() : null;
        }
        Next<W> turn = next.remove();
        W work = turn.works().next();
        if (turn.works().hasNext()) {
          double pass = turn.pass() + turn.step();
          next.add(new Next<>(pass, ++arrived, turn.step(), turn.works()));
        }
        return work;
      }
    };
  }

  /** The item whose turn it is. */
  Optional<W> first() {
    return turns.isEmpty()
        ? Optional.empty()
        : Optional.of(turns.first().works.values().iterator().next());
  }

  /** How many works would have their turn before the next one of a tenant. */
  int ahead(TenantId tenant) {
    Line<K, W> own = lines.get(tenant);
    double step = 1 / weights.applyAsDouble(tenant);
    double start = own == null ? Math.max(latestPass, left.getOrDefault(tenant, 0.0)) : own.pass;
    int ownWorks = own == null ? 0 : own.works.size();
    double pass = start + ownWorks * step;
    long ahead = ownWorks;
    for (Line<K, W> line : lines.values()) {
      if (line != own && line.pass <= pass) {
        long turnsBefore = (long) ((pass - line.pass) / line.step) + 1;
        ahead += Math.min(line.works.size(), turnsBefore);
      }
    }
    return (int) Math.min(ahead, size);
  }

  /** Takes a work out, without a turn; false when it does not wait here. */
  boolean remove(TenantId tenant, K key) {
    Line<K, W> line = lines.get(tenant);
    if (line == null || line.works.remove(key) == null) {
      return false;
    }
    size--;
    if (line.works.isEmpty()) {
      lines.remove(line.tenant);
      turns.remove(line);
      leave(line);
    }
    return true;
  }

  private void leave(Line<K, W> line) {
    if (size == 0) { // whoever comes next finds nobody to be fair to
      left.clear();
      return;
    }
    if (left.size() >= LEFT_MAX) {
      left.values().removeIf(pass -> pass <= latestPass);
    }
    if (line.pass > latestPass && left.size() < LEFT_MAX) {
      left.put(line.tenant, line.pass);
    }
  }

  /** Takes a work out: its tenant had its turn. */
  void take(TenantId tenant, K key) {
    Line<K, W> line = lines.get(tenant);
    if (line == null) {
      return;
    }
    turns.remove(line);
    latestPass = Math.max(latestPass, line.pass);
    line.pass += line.step;
    line.arrival = ++arrivals;
    turns.add(line);
    remove(tenant, key);
  }

  /** All items of which this holds. */
  List<W> all(Predicate<W> which) {
    List<W> items = new ArrayList<>();
    for (Line<K, W> line : lines.values()) {
      line.works.values().stream().filter(which).forEach(items::add);
    }
    return items;
  }
}
