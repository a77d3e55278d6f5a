package io.parley.node.http;

import io.parley.routing.protocol.ModelInfo;
import java.util.List;
import java.util.Optional;

/** The models that workers of the cluster serve right now, as this node knows them. */
public interface ModelCatalog {
  /** All of them, each once, in a stable order. */
  List<ModelInfo> models();

  /** By {@code name} (the newest version served) or {@code name@version}. */
  Optional<ModelInfo> find(String nameOrId);

  /** Whether this node has heard of a worker since it started; else an empty list means little. */
  boolean hasHeard();
}
