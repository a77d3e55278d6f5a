package io.parley.persistence;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.NoNodeAvailableException;
import com.datastax.oss.driver.api.core.auth.AuthenticationException;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A short-lived session with Cassandra outside of the actor system. */
final class JournalConnection {
  private static final long RETRY_MILLIS = 500;

  private JournalConnection() {}

  /**
   * Connects, and tries again until the deadline while nobody answers. Wrong credentials are not
   * tried twice.
   *
   * @param deadlineNanos in the time of {@link System#nanoTime()}
   * @throws JournalException saying which nodes were asked and why that failed
   */
  static CqlSession open(JournalSettings settings, JournalEndpoint endpoint, long deadlineNanos) {
    Config driver = JournalConfig.driverConfig(settings, endpoint);
    while (true) {
      try {
        return CqlSession.builder()
            .withConfigLoader(
                DriverConfigLoader.fromString(driver.root().render(ConfigRenderOptions.concise())))
            .build();
      } catch (DriverException | IllegalArgumentException e) {
        boolean hopeless = rootCause(e) instanceof AuthenticationException;
        if (hopeless || System.nanoTime() - deadlineNanos > 0) {
          throw explain("the journal cannot be reached", endpoint, e);
        }
      }
      pause();
    }
  }

  /** One line out of an exception that may carry one cause for each node. */
  static JournalException explain(String what, JournalEndpoint endpoint, RuntimeException failure) {
    Throwable cause = rootCause(failure);
    String why =
        cause instanceof NoNodeAvailableException
            ? "no node answers in data centre " + endpoint.localDatacenter()
            : String.valueOf(cause.getMessage() == null ? cause : cause.getMessage());
    return new JournalException(
        what
            + ": Cassandra at "
            + String.join(", ", endpoint.contactPoints())
            + ": "
            + why.replaceAll("\\s+", " ")
            + "; check parley.journal.contact-points and local-datacenter, credentials and tls",
        failure);
  }

  private static Throwable rootCause(Throwable failure) {
    Throwable cause = failure;
    while (true) {
      Throwable next = cause.getCause();
      if (cause instanceof AllNodesFailedException all) {
        next = all.getAllErrors().values().stream().flatMap(List::stream).findFirst().orElse(next);
      } else if (next == null || next.getMessage() == null) {
        // Netty hangs the reason of a closed channel on as suppressed
        next = firstSuppressed(cause, next);
      }
      if (next == null || next == cause) {
        return cause;
      }
      cause = next;
    }
  }

  private static Throwable firstSuppressed(Throwable failure, Throwable otherwise) {
    for (Throwable place : otherwise == null ? List.of(failure) : List.of(failure, otherwise)) {
      if (place.getSuppressed().length > 0) {
        return place.getSuppressed()[0];
      }
    }
    return otherwise;
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while connecting to the journal", e);
    }
  }
}
