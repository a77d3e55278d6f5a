package io.parley.node.chaos;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** All kinds of faults, and the draw. */
final class Faults {
  private static final List<Fault> ALL =
      List.of(
          KillFault.owner(),
          KillFault.worker(),
          KillFault.edge(),
          KillFault.ownerAndWorker(),
          SilenceFault.stopOwner(),
          SilenceFault.stopWorker(),
          SilenceFault.cutOwner(),
          SilenceFault.cutWorker(),
          JournalFault.frozen(),
          JournalFault.killed(),
          new SlowClientFault(),
          DisconnectFault.inQueue(),
          DisconnectFault.inPrefill(),
          DisconnectFault.inDecode(),
          new SameKeyFault(),
          new JoinFault(),
          StopFault.drain(),
          StopFault.rollingRestart(),
          new OverloadFault());

  private Faults() {}

  static List<String> names() {
    return ALL.stream().map(Fault::name).toList();
  }

  static List<Fault> named(List<String> names) {
    return ALL.stream().filter(fault -> names.contains(fault.name())).toList();
  }

  /** So many, in an order that the seed decides; each kind once before any comes twice. */
  static List<Fault> draw(List<Fault> kinds, int count, long seed) {
    Random random = new Random(seed);
    List<Fault> drawn = new ArrayList<>(kinds);
    Collections.shuffle(drawn, random);
    int weights = kinds.stream().mapToInt(Fault::weight).sum();
    while (drawn.size() < count) {
      int at = random.nextInt(weights);
      for (Fault fault : kinds) {
        at -= fault.weight();
        if (at < 0) {
          drawn.add(fault);
          break;
        }
      }
    }
    return List.copyOf(drawn.subList(0, count));
  }
}
