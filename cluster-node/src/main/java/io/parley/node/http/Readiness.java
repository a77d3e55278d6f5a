package io.parley.node.http;

import java.util.List;
import java.util.concurrent.CompletionStage;

/** Whether this node can serve. */
@FunctionalInterface
public interface Readiness {
  CompletionStage<List<Check>> check();

  /**
   * One part of it.
   *
   * @param required whether the node is not ready without it; the others are only reported
   */
  record Check(String name, boolean ok, boolean required, String detail) {}
}
