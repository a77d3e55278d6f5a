package io.parley.persistence;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A real embedded Cassandra for tests, with its tables. The child's class path is what the build of
 * its module gathers; without it the tests fail.
 */
final class RunningCassandra implements AutoCloseable {
  static final Path LIB =
      Path.of(System.getProperty("parley.root"), "persistence", "cassandra", "target", "lib");

  private final JournalSettings settings;
  private final EmbeddedCassandra cassandra;

  private RunningCassandra(JournalSettings settings, EmbeddedCassandra cassandra) {
    this.settings = settings;
    this.cassandra = cassandra;
  }

  /** Starts it on a data folder that may hold an earlier run's data. */
  static RunningCassandra start(Path data) {
    return start(data, "", new EmbeddedCassandraListener() {});
  }

  /**
   * As {@link #start(Path)}.
   *
   * @param lines further keys below parley.journal
   */
  static RunningCassandra start(Path data, String lines, EmbeddedCassandraListener listener) {
    JournalSettings settings = settings(lines);
    return new RunningCassandra(
        settings, EmbeddedCassandra.start(settings.embedded(), data, listener));
  }

  static JournalSettings settings(String lines) {
    return JournalSettings.from(
        ConfigFactory.parseString(
                "parley.journal { embedded.lib = \"" + LIB + "\"\n" + lines + " }")
            .withFallback(ConfigFactory.load()));
  }

  RunningCassandra withSchema() {
    JournalSchema.ensure(settings, cassandra.endpoint(), Duration.ofMinutes(5));
    return this;
  }

  JournalSettings settings() {
    return settings;
  }

  EmbeddedCassandra process() {
    return cassandra;
  }

  /** The configuration of an actor system that journals here. */
  Config akkaConfig() {
    return JournalConfig.akkaConfig(settings, cassandra.endpoint())
        .withFallback(ConfigFactory.load())
        .resolve();
  }

  @Override
  public void close() {
    cassandra.close();
  }
}
