package io.parley.node;

import com.typesafe.config.Config;
import io.parley.node.bulk.BulkSettings;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ManagementSettings;
import io.parley.node.models.MemoryBudget;
import io.parley.node.models.ModelsSettings;
import io.parley.persistence.AuditSettings;
import io.parley.persistence.JournalSettings;
import io.parley.routing.EmbeddingQueueSettings;
import io.parley.routing.RoutingSettings;
import io.parley.sessions.SessionSettings;
import io.parley.workers.WorkerSettings;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.embedding.EmbeddingSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.simulated.SimulatedSettings;
import io.parley.workers.upstream.UpstreamSettings;
import io.parley.workers.upstream.UpstreamSpec;
import java.util.Optional;

/**
 * A node's whole configuration, checked: every module's settings, whether this node's roles need
 * them or not, so that a bad value is told before anything has been touched.
 */
public record NodePlan(
    Config config,
    NodeSettings node,
    ClusterSettings cluster,
    HttpSettings http,
    ManagementSettings management,
    ModelsSettings models,
    JournalSettings journal,
    AuditSettings audit,
    SessionSettings session,
    RoutingSettings routing,
    EmbeddingQueueSettings embeddingQueue,
    WorkerSettings worker,
    BatcherSettings batcher,
    EngineSettings engine,
    EmbeddingSettings embeddings,
    SimulatedSettings simulated,
    UpstreamSettings upstream,
    BulkSettings bulk) {

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
              ClusterSettings.from(config),
              HttpSettings.of(config),
              ManagementSettings.from(config),
              ModelsSettings.from(config),
              JournalSettings.from(config),
              AuditSettings.from(config),
              SessionSettings.from(config),
              RoutingSettings.from(config),
              EmbeddingQueueSettings.from(config),
              WorkerSettings.from(config),
              BatcherSettings.from(config),
              EngineSettings.from(config),
              EmbeddingSettings.from(config),
              SimulatedSettings.from(config),
              UpstreamSettings.from(config),
              BulkSettings.from(config));
      plan.node().models().stream()
          .filter(
              order ->
                  SimulatedSettings.isMeantBy(order.spec()) || UpstreamSpec.isMeantBy(order.spec()))
          .forEach(order -> ModelKinds.of(order, config));
      plan.worker().requireTwoResendsWithin(plan.session().adoptionLease());
      plan.worker().requireThreeReportsWithin(plan.routing().workerSilence());
      plan.requireJournalOfTheCluster();
      plan.requireBrokerOfTheCluster();
      return plan;
    } catch (IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  /** What a node needs the journal for. */
  enum JournalUse {
    /** A worker knows nothing of it. */
    NONE,
    /** The edge shows what is stored, and does not write. */
    READ,
    /** Sessions live here. */
    WRITE
  }

  JournalUse journalUse() {
    if (node.roles().contains("session")) {
      return JournalUse.WRITE;
    }
    return node.roles().contains("api") ? JournalUse.READ : JournalUse.NONE;
  }

  /** Whether this node starts a Cassandra of its own. */
  boolean embedsJournal() {
    return journal.isEmbedded() && journalUse() != JournalUse.NONE;
  }

  private void requireJournalOfTheCluster() {
    if (cluster.forms()) {
      if (journalUse() != JournalUse.WRITE) {
        throw new IllegalArgumentException(
            "parley.node.roles lacks session: such a node joins a cluster (--join), and cannot"
                + " form one");
      }
    } else if (embedsJournal()) {
      throw new IllegalArgumentException(
          "parley.journal.contact-points is empty: a node that joins a cluster shares its journal,"
              + " unless its only role is worker");
    }
  }

  /** Whether this node starts a Kafka of its own. */
  boolean embedsBroker() {
    return node.roles().contains("bulk") && bulk.isEmbedded();
  }

  private void requireBrokerOfTheCluster() {
    if (embedsBroker() && !cluster.forms()) {
      throw new IllegalArgumentException(
          "parley.bulk.bootstrap-servers is empty: a node that joins a cluster shares its broker");
    }
  }

  /** What models may take on this machine. */
  MemoryBudget memoryBudget() {
    return MemoryBudget.of(
        models, embedsJournal() ? Optional.of(journal.embedded().heapBytes()) : Optional.empty());
  }
}
