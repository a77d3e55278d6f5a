package io.parley.node;

import com.typesafe.config.Config;
import io.parley.node.models.LoadableModel;
import io.parley.node.models.ModelOrder;
import io.parley.workers.engine.simulated.SimulatedSettings;
import io.parley.workers.upstream.UpstreamSpec;

/** What an order's spec names decides which engine runs it. */
final class ModelKinds {
  private ModelKinds() {}

  /**
   * What loads it.
   *
   * @throws IllegalArgumentException when the order's settings are not allowed
   */
  static LoadableModel of(ModelOrder order, Config config) {
    if (SimulatedSettings.isMeantBy(order.spec())) {
      return new SimulatedModel(order, config);
    }
    return UpstreamSpec.isMeantBy(order.spec())
        ? new UpstreamModel(order, config)
        : new LoadedModel(order, config);
  }
}
