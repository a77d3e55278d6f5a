package io.parley.node.cluster;

import io.parley.node.models.ModelStatus;
import io.parley.routing.protocol.CborSerializable;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** What a node says of its models. */
public record NodeReport(List<Worker> workers) implements CborSerializable {
  public NodeReport {
    workers = List.copyOf(workers);
  }

  /**
   * A model on a node.
   *
   * @param model {@code name@version} as soon as it is known, else what was asked for
   * @param state as {@code parley model ps} names it
   * @param device what it is computed on
   * @param load while it is loaded
   */
  public record Worker(String model, String state, String device, Optional<Load> load) {
    public Worker {
      device = Objects.requireNonNullElse(device, ""); // of a node that does not say
    }
  }

  /**
   * What a worker does.
   *
   * @param slots how many answers can run at once
   * @param waiting admitted, and not running
   * @param kvBlocks blocks of keys and values in all
   */
  public record Load(int slots, int running, int waiting, int kvBlocks, int kvBlocksFree) {}

  static NodeReport of(List<ModelStatus> models) {
    return new NodeReport(models.stream().map(NodeReport::worker).toList());
  }

  private static Worker worker(ModelStatus model) {
    return new Worker(
        model.id().map(Object::toString).orElse(model.spec()),
        model.state().label(),
        model.device(),
        model
            .activity()
            .map(
                now ->
                    new Load(
                        now.slots(),
                        now.running(),
                        now.waiting(),
                        now.kvBlocks(),
                        now.kvBlocksFree())));
  }
}
