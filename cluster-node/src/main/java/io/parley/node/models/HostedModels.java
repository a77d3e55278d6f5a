package io.parley.node.models;

import io.parley.routing.protocol.ModelId;
import java.time.InstantSource;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** All models in the owner's hands, in the order in which they were asked for. */
final class HostedModels {
  private static final int FAILED_MAX = 16;

  private final Map<Long, HostedModel> models = new LinkedHashMap<>();
  private final InstantSource clock;
  private long lastNumber;

  HostedModels(InstantSource clock) {
    this.clock = clock;
  }

  HostedModel add(ModelOrder order, LoadableModel model) {
    HostedModel hosted = new HostedModel(++lastNumber, order, model, clock);
    models.put(hosted.number, hosted);
    return hosted;
  }

  Optional<HostedModel> find(long number) {
    return Optional.ofNullable(models.get(number));
  }

  /** One whose part or worker reports, which is here until it has. */
  HostedModel require(long number) {
    return find(number).orElseThrow();
  }

  void remove(HostedModel model) {
    models.remove(model.number);
  }

  Collection<HostedModel> all() {
    return models.values();
  }

  /** How many are not just remembered as failed. */
  long alive() {
    return models.values().stream().filter(model -> !model.failed()).count();
  }

  /** Those that a caller may mean by a name: failed ones only when there is no other. */
  List<HostedModel> called(String name) {
    List<HostedModel> called =
        models.values().stream().filter(model -> model.isCalled(name)).toList();
    List<HostedModel> alive = called.stream().filter(model -> !model.failed()).toList();
    return alive.isEmpty() ? called : alive;
  }

  /** Another one of the same model and version. */
  Optional<HostedModel> twin(HostedModel model) {
    return models.values().stream().filter(m -> m != model && m.id.equals(model.id)).findFirst();
  }

  /** What all of them may still take. */
  long growthBytes() {
    return models.values().stream().mapToLong(HostedModel::growthBytes).sum();
  }

  /** The same is asked for again. */
  void forgetFailed(ModelOrder order) {
    models.values().removeIf(m -> m.failed() && m.order.spec().equals(order.spec()));
  }

  /** What was in vain because of a model goes with it. */
  void forgetFailed(Optional<ModelId> id) {
    models.values().removeIf(m -> m.failed() && m.id.isPresent() && m.id.equals(id));
  }

  /** Remembers the latest failures only. */
  void limitFailed() {
    List<HostedModel> failed = models.values().stream().filter(HostedModel::failed).toList();
    failed.stream().limit(Math.max(0, failed.size() - FAILED_MAX)).forEach(this::remove);
  }
}
