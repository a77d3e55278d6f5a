package io.parley.node;

import io.parley.node.models.LoadableModel;
import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus.Progress;
import io.parley.node.models.NodeModels.Ready;
import io.parley.workers.engine.EngineMemory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Finds, fetches, loads and warms the models of the configuration while a node starts. */
final class StartModels {
  private final NodePlan plan;
  private final StartupReporter reporter;

  StartModels(NodePlan plan, StartupReporter reporter) {
    this.plan = plan;
    this.reporter = reporter;
  }

  /**
   * Brings what is not there into the store, and sees whether all of them fit together.
   *
   * @throws io.parley.node.models.ModelFailure saying in one line which cannot be served and why
   */
  List<Ready> obtain() {
    List<Ready> obtained = new ArrayList<>();
    for (ModelOrder order : plan.node().models()) {
      LoadableModel model = ModelKinds.of(order, plan.config());
      obtain(model);
      obtained.add(new Ready(order, model));
    }
    long before = 0;
    for (Ready ready : obtained) {
      EngineMemory need = ready.model().memory();
      plan.memoryBudget().require(ready.order().spec(), need, before, 0);
      before += need.totalBytes();
    }
    return obtained;
  }

  private void obtain(LoadableModel model) {
    StartupReporter.Step step = reporter.begin("model");
    if (!model.find()) {
      model.fetch(shownBy(step));
    }
    step.done(model.id().toString());
  }

  /**
   * Makes the first replicas, and runs their first steps.
   *
   * @throws io.parley.node.models.ModelFailure as above; nothing is left loaded
   */
  List<Ready> load(List<Ready> obtained) {
    List<LoadableModel> loaded = new ArrayList<>();
    try {
      for (Ready ready : obtained) {
        loaded.add(ready.model());
        load(ready.model());
      }
      return obtained;
    } catch (RuntimeException e) {
      loaded.forEach(LoadableModel::close);
      throw e;
    }
  }

  private void load(LoadableModel model) {
    StartupReporter.Step engine = reporter.begin("engine");
    model.load(shownBy(engine));
    engine.done(model.description());
    Duration limit = plan.models().warmUpLimit();
    if (!limit.isZero()) {
      StartupReporter.Step first = reporter.begin("first steps");
      try {
        model.warmUp(limit);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartupException("interrupted", e);
      }
      first.done("");
    }
  }

  private static Consumer<Progress> shownBy(StartupReporter.Step step) {
    return progress -> step.progress(progress.done(), progress.total());
  }
}
