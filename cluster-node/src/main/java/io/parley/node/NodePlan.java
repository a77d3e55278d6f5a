package io.parley.node;

import com.typesafe.config.Config;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ManagementSettings;
import io.parley.node.models.MemoryBudget;
import io.parley.node.models.ModelsSettings;
import io.parley.persistence.JournalSettings;
import io.parley.routing.EmbeddingQueueSettings;
import io.parley.routing.RoutingSettings;
import io.parley.sessions.SessionSettings;
import io.parley.workers.WorkerSettings;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.embedding.EmbeddingSettings;
import io.parley.workers.engine.EngineSettings;
import java.util.Optional;

/**
 * A node's whole configuration, checked: every module's settings, whether this node's roles need
 * them or not, so that a bad value is told before anything has been touched.
 */
public record NodePlan(
    Config config,
    NodeSettings node,
    HttpSettings http,
    ManagementSettings management,
    ModelsSettings models,
    JournalSettings journal,
    SessionSettings session,
    RoutingSettings routing,
    EmbeddingQueueSettings embeddingQueue,
    WorkerSettings worker,
    BatcherSettings batcher,
    EngineSettings engine,
    EmbeddingSettings embeddings) {

  /**
   * Reads and checks everything.
   *
   * @throws StartupException naming the key that is wrong and what it allows
   */
  public static NodePlan of(Config config) {
    try {
      NodePlan plan =
          new NodePlan(
              config,
              NodeSettings.from(config),
              HttpSettings.of(config),
              ManagementSettings.from(config),
              ModelsSettings.from(config),
              JournalSettings.from(config),
              SessionSettings.from(config),
              RoutingSettings.from(config),
              EmbeddingQueueSettings.from(config),
              WorkerSettings.from(config),
              BatcherSettings.from(config),
              EngineSettings.from(config),
              EmbeddingSettings.from(config));
      plan.worker().requireTwoResendsWithin(plan.session().adoptionLease());
      return plan;
    } catch (IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  /** What models may take on this machine. */
  MemoryBudget memoryBudget() {
    return MemoryBudget.of(
        models,
        journal.isEmbedded() ? Optional.of(journal.embedded().heapBytes()) : Optional.empty());
  }
}
