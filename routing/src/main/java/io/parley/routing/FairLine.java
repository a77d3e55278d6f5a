package io.parley.routing;

import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * Works of one priority that wait: tenants take turns by their weights, a tenant's own works go in
 * order of arrival.
 *
 * <p>Each tenant has a pass. Whose pass is lowest has its turn, which raises it by one over the
 * tenant's weight; a tenant that joins begins at the pass of the latest turn, so that it is owed
 * nothing for the time before, or where it left off when that is higher.
 */
final class FairLine {
  private static final int LEFT_MAX = 1024;

  private static final class Line {
    final TenantId tenant;
    final double step;
    final Map<AttemptId, WaitingWork> works = new LinkedHashMap<>();
    double pass;
    long arrival; // decides among equal passes

    Line(TenantId tenant, double step) {
      this.tenant = tenant;
      this.step = step;
    }
  }

  private static final Comparator<Line> BY_PASS =
      Comparator.<Line>comparingDouble(line -> line.pass).thenComparingLong(line -> line.arrival);

  private final ToDoubleFunction<TenantId> weights;
  private final Map<TenantId, Line> lines = new HashMap<>(); // a tenant without works is not in it
  private final TreeSet<Line> turns = new TreeSet<>(BY_PASS);
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
    Line line = lines.get(tenant);
    return line == null ? 0 : line.works.size();
  }

  Set<TenantId> tenants() {
    return lines.keySet();
  }

  boolean contains(AttemptId id) {
    Line line = lines.get(tenant(id));
    return line != null && line.works.containsKey(id);
  }

  void add(WaitingWork work) {
    Line line = lines.get(work.tenant());
    if (line == null) {
      line = join(work.tenant());
    }
    size += line.works.put(work.id(), work) == null ? 1 : 0;
  }

  private Line join(TenantId tenant) {
    Line line = new Line(tenant, 1 / weights.applyAsDouble(tenant));
    Double leftAt = left.remove(tenant);
    line.pass = leftAt == null ? latestPass : Math.max(latestPass, leftAt);
    line.arrival = ++arrivals;
    lines.put(tenant, line);
    turns.add(line);
    return line;
  }

  /** Puts a work that was taken back to where it was: the next of its tenant, whose turn it is. */
  void putBack(WaitingWork work) {
    Line line = lines.get(work.tenant());
    if (line == null) {
      line = join(work.tenant());
    }
    Map<AttemptId, WaitingWork> behind = new LinkedHashMap<>(line.works);
    line.works.clear();
    line.works.put(work.id(), work);
    line.works.putAll(behind);
    size += line.works.size() - behind.size();
    turns.remove(line);
    line.pass -= line.step;
    arrivals++;
    line.arrival = -arrivals; // before its equals
    turns.add(line);
  }

  /** The works in the order of their turns, as it stands now; not to be used after a change. */
  Iterator<WaitingWork> inTurn() {
    record Next(double pass, long arrival, double step, Iterator<WaitingWork> works) {}
    PriorityQueue<Next> next =
        new PriorityQueue<>(
            Comparator.comparingDouble(Next::pass).thenComparingLong(Next::arrival));
    // the tenants behind are looked at when their passes are reached
    Iterator<Line> others = turns.iterator();
    return new Iterator<>() {
      private Line upcoming = others.hasNext() ? others.next() : null;
      private long arrived = arrivals;

      @Override
      public boolean hasNext() {
        return upcoming != null || !next.isEmpty();
      }

      @Override
      public WaitingWork next() {
        while (upcoming != null && (next.isEmpty() || upcoming.pass <= next.peek().pass())) {
          next.add(
              new Next(
                  upcoming.pass,
                  upcoming.arrival,
                  upcoming.step,
                  upcoming.works.values().iterator()));
          upcoming = others.hasNext() ? others.next() : null;
        }
        Next turn = next.remove();
        WaitingWork work = turn.works().next();
        if (turn.works().hasNext()) {
          double pass = turn.pass() + turn.step();
          next.add(new Next(pass, ++arrived, turn.step(), turn.works()));
        }
        return work;
      }
    };
  }

  /** How many works would have their turn before the next one of a tenant. */
  int ahead(TenantId tenant) {
    Line own = lines.get(tenant);
    double step = 1 / weights.applyAsDouble(tenant);
    double start = own == null ? Math.max(latestPass, left.getOrDefault(tenant, 0.0)) : own.pass;
    int ownWorks = own == null ? 0 : own.works.size();
    double pass = start + ownWorks * step;
    long ahead = ownWorks;
    for (Line line : lines.values()) {
      if (line != own && line.pass <= pass) {
        long turnsBefore = (long) ((pass - line.pass) / line.step) + 1;
        ahead += Math.min(line.works.size(), turnsBefore);
      }
    }
    return (int) Math.min(ahead, size);
  }

  /** Takes a work out, without a turn; false when it does not wait here. */
  boolean remove(AttemptId id) {
    Line line = lines.get(tenant(id));
    if (line == null || line.works.remove(id) == null) {
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

  private void leave(Line line) {
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
  void take(WaitingWork work) {
    Line line = lines.get(work.tenant());
    if (line == null) {
      return;
    }
    turns.remove(line);
    latestPass = Math.max(latestPass, line.pass);
    line.pass += line.step;
    line.arrival = ++arrivals;
    turns.add(line);
    remove(work.id());
  }

  /** All works of which this holds. */
  List<Work> all(Predicate<Work> which) {
    List<Work> works = new ArrayList<>();
    for (Line line : lines.values()) {
      for (WaitingWork waiting : line.works.values()) {
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
