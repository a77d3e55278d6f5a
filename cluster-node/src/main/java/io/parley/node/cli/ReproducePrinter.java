package io.parley.node.cli;

import io.parley.node.audit.reproduce.ReproduceRun;
import io.parley.node.audit.reproduce.Summary;

/** What is printed of a run of {@code parley audit reproduce}. */
interface ReproducePrinter extends ReproduceRun.Listener {
  void summary(Summary summary);
}
