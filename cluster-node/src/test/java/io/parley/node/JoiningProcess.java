package io.parley.node;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A worker's node without its parts, in a process of its own, which has the environment of a pod:
 * it enters a cluster, says how that went in its last line, and ends. Arguments: key=value.
 */
final class JoiningProcess {
  private JoiningProcess() {}

  public static void main(String[] arguments) {
    Map<String, String> settings = new HashMap<>();
    for (String argument : arguments) {
      int equals = argument.indexOf('=');
      settings.put(argument.substring(0, equals), argument.substring(equals + 1));
    }
    String outcome;
    try (ActorNodes nodes = new ActorNodes()) {
      outcome =
          "joined with claim "
              + nodes
                  .node(List.of("worker"), settings)
                  .enter(
                      () -> {
                        throw new AssertionError("a worker forms no cluster");
                      });
    } catch (StartupException e) {
      outcome = e.getMessage();
    }
    System.out.println(outcome);
  }
}
