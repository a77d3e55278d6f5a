package io.parley.node;

import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus.Progress;
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
  List<LoadedModel> obtain() {
    List<LoadedModel> obtained = new ArrayList<>();
    for (ModelOrder order : plan.node().models()) {
      LoadedModel model = new LoadedModel(order, plan.config());
      obtain(model);
      obtained.add(model);
    }
    long before = 0;
    for (LoadedModel model : obtained) {
      EngineMemory need = model.memory();
      plan.memoryBudget().require(model.order().spec(), need, before, 0);
      before += need.totalBytes();
    }
    return obtained;
  }

  private void obtain(LoadedModel model) {
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
  List<LoadedModel> load(List<LoadedModel> obtained) {
    List<LoadedModel> loaded = new ArrayList<>();
    try {
      for (LoadedModel model : obtained) {
        loaded.add(model);
        load(model);
      }
      return obtained;
    } catch (RuntimeException e) {
      loaded.forEach(LoadedModel::close);
      throw e;
    }
  }

  private void load(LoadedModel model) {
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
