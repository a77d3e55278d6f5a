package io.parley.node;

import io.parley.node.NodePlan.JournalUse;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import io.parley.persistence.JournalSchema;
import io.parley.persistence.JournalSettings;
import io.parley.persistence.KeyspaceLease;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * The node's journal, ready for the actor system: the embedded Cassandra, or the external cluster
 * whose keyspace this node's cluster owns.
 */
final class NodeJournal {
  private static final Duration SCHEMA_PATIENCE = Duration.ofSeconds(60);
  private static final long USUAL_START_SECONDS = 20;

  private final JournalEndpoint endpoint;
  private final JournalSettings settings;
  private final KeyspaceLease.Holder holder;
  private final Consumer<String> onTaken;
  private final Optional<EmbeddedCassandra> child;
  private Optional<KeyspaceLease> lease; // of the thread that starts the node, then that stops it

  private NodeJournal(
      JournalSettings settings,
      JournalEndpoint endpoint,
      KeyspaceLease.Holder holder,
      Consumer<String> onTaken,
      Optional<EmbeddedCassandra> child) {
    this.settings = settings;
    this.endpoint = endpoint;
    this.holder = holder;
    this.onTaken = onTaken;
    this.child = child;
    this.lease = Optional.empty();
  }

  /**
   * Starts or reaches Cassandra, and makes sure of the tables. An interrupt ends it.
   *
   * @throws JournalException one line; nothing is left running
   */
  static NodeJournal start(
      NodePlan plan, DataFolder data, StartupReporter reporter, JournalListener listener) {
    KeyspaceLease.Holder holder = new KeyspaceLease.Holder(plan.node().clusterName(), data.id());
    return plan.journal().isEmbedded()
        ? embedded(plan.journal(), data, holder, reporter, listener)
        : external(plan, holder, reporter, listener);
  }

  private static NodeJournal embedded(
      JournalSettings settings,
      DataFolder data,
      KeyspaceLease.Holder holder,
      StartupReporter reporter,
      JournalListener listener) {
    StartupReporter.Step step = reporter.begin("journal (Cassandra)");
    long patience = settings.embedded().startTimeout().toSeconds();
    EmbeddedCassandra child =
        EmbeddedCassandra.start(
            settings.embedded(),
            data.path().resolve("cassandra"),
            new EmbeddedCassandraListener() {
              @Override
              public void starting(long seconds) {
                step.progress(seconds, Math.min(patience, USUAL_START_SECONDS));
              }

              @Override
              public void gaveUp(String reason) {
                listener.gone(reason);
              }
            });
    step.done("process " + child.pid());
    try {
      ensureSchema(settings, child.endpoint(), reporter, SCHEMA_PATIENCE);
      return new NodeJournal(
          settings, child.endpoint(), holder, listener::taken, Optional.of(child));
    } catch (RuntimeException e) {
      child.close();
      throw e;
    }
  }

  private static NodeJournal external(
      NodePlan plan,
      KeyspaceLease.Holder holder,
      StartupReporter reporter,
      JournalListener listener) {
    JournalSettings settings = plan.journal();
    JournalEndpoint endpoint = settings.external().orElseThrow();
    ensureSchema(settings, endpoint, reporter, settings.startTimeout());
    NodeJournal journal =
        new NodeJournal(settings, endpoint, holder, listener::taken, Optional.empty());
    if (plan.cluster().forms() && plan.journalUse() == JournalUse.WRITE) {
      journal.take();
    }
    return journal;
  }

  /**
   * Claims the keyspace for the cluster that this node is about to form.
   *
   * @throws JournalException one line, naming the cluster that has it
   */
  void take() {
    lease = Optional.of(KeyspaceLease.take(settings, endpoint, holder, SCHEMA_PATIENCE, onTaken));
  }

  /**
   * Takes part in the claim of the cluster that was joined, before anything is written.
   *
   * @throws JournalException one line
   */
  void share(UUID claim) {
    lease = Optional.of(KeyspaceLease.share(settings, endpoint, claim, SCHEMA_PATIENCE, onTaken));
  }

  /** By which claim the cluster that this node has formed holds its keyspace. */
  Optional<UUID> claim() {
    return lease.map(KeyspaceLease::incarnation);
  }

  private static void ensureSchema(
      JournalSettings settings,
      JournalEndpoint endpoint,
      StartupReporter reporter,
      Duration patience) {
    StartupReporter.Step step = reporter.begin("journal's schema");
    JournalSchema.ensure(settings, endpoint, patience);
    if (Thread.interrupted()) {
      throw new JournalException("interrupted while the journal was starting");
    }
    step.done(settings.isEmbedded() ? "" : String.join(", ", endpoint.contactPoints()));
  }

  JournalEndpoint endpoint() {
    return endpoint;
  }

  /**
   * Stops it, after all that writes to it.
   *
   * @param released whether the keyspace may go to another cluster at once: nothing of this one can
   *     write any more
   */
  void close(boolean released) {
    lease.ifPresent(released ? KeyspaceLease::close : KeyspaceLease::abandon);
    child.ifPresent(EmbeddedCassandra::close);
  }
}
