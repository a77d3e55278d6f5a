package io.parley.node.cli;

import io.parley.node.StartupException;
import java.io.UncheckedIOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The subcommands of {@code parley audit} that show what is journaled, as JSON. */
final class AuditReadings {
  private AuditReadings() {}

  /** A session of a tenant. */
  static final class SessionOptions {
    @Parameters(paramLabel = "SESSION", description = "Its id, as in sess_abc.")
    private String session;

    @Option(
        names = "--tenant",
        defaultValue = "default",
        description = "Whose session it is (default: ${DEFAULT-VALUE}).")
    private String tenant;
  }

  /** A range of times. */
  static final class TimeOptions {
    @Option(
        names = "--since",
        paramLabel = "TIME",
        description = "Only what happened from then on: 2026-01-31T12:00:00Z.")
    private String since;

    @Option(names = "--until", paramLabel = "TIME", description = "Only what happened up to then.")
    private String until;

    private void addTo(Map<String, String> query) {
      put(query, "since", since);
      put(query, "until", until);
    }
  }

  private static void put(Map<String, String> query, String name, String time) {
    if (time != null) {
      query.put(name, millis(name, time));
    }
  }

  private static String millis(String option, String time) {
    try {
      return Long.toString(Instant.parse(time).toEpochMilli());
    } catch (DateTimeException | ArithmeticException e) {
      throw new StartupException("--" + option + " must be a time like 2026-01-31T12:00:00Z", e);
    }
  }

  private static String query(Map<String, String> values) {
    return values.entrySet().stream()
        .map(value -> value.getKey() + "=" + ManagementClient.encoded(value.getValue()))
        .collect(Collectors.joining("&", "?", ""));
  }

  /** Prints the lines as they come; a line that tells of an error is the last of its session. */
  private static int print(Stream<String> lines) {
    int exit = 0;
    try (lines) {
      Iterator<String> each = lines.iterator();
      while (each.hasNext()) {
        String line = each.next();
        if (line.startsWith("{\"object\":\"audit.error\"")) {
          exit = 1;
        }
        System.out.println(line);
      }
    } catch (UncheckedIOException e) {
      throw new StartupException("the node went away", e);
    }
    return exit;
  }

  /** {@code parley audit events}. */
  @Command(
      name = "events",
      mixinStandardHelpOptions = true,
      description = "Prints the events of a session, a JSON line for each.")
  static final class Events implements Callable<Integer> {
    @Mixin private ManagementOptions node;
    @Mixin private SessionOptions session;
    @Mixin private TimeOptions times;

    @Option(names = "--from", description = "First sequence number (default: ${DEFAULT-VALUE}).")
    private long from = 1;

    @Option(names = "--to", description = "Last sequence number.")
    private long to = Long.MAX_VALUE;

    @Override
    public Integer call() throws InterruptedException {
      Map<String, String> query = new LinkedHashMap<>();
      query.put("from", Long.toString(from));
      query.put("to", Long.toString(to));
      times.addTo(query);
      return print(
          node.client()
              .auditLines(
                  ManagementClient.sessionAudit(
                      session.tenant, session.session, "events" + query(query))));
    }
  }

  /** {@code parley audit replay}. */
  @Command(
      name = "replay",
      mixinStandardHelpOptions = true,
      description = {
        "Prints what a session was behind an event or at a time, or what changed between two events."
      })
  static final class Replay implements Callable<Integer> {
    @Mixin private ManagementOptions node;
    @Mixin private SessionOptions session;

    @Option(names = "--sequence", description = "Behind this event (default: the last).")
    private long sequence = Long.MAX_VALUE;

    @Option(names = "--at", paramLabel = "TIME", description = "Not later than that.")
    private String at;

    @Option(
        names = "--changes-since",
        paramLabel = "SEQUENCE",
        description = "Only what is other than behind this event.")
    private Long changesSince;

    @Override
    public Integer call() throws InterruptedException {
      Map<String, String> query = new LinkedHashMap<>();
      String what = "replay";
      if (changesSince == null) {
        query.put("sequence", Long.toString(sequence));
        put(query, "at", at);
      } else {
        if (at != null) {
          throw new StartupException("--changes-since goes with --sequence, and not with --at");
        }
        what = "diff";
        query.put("from", Long.toString(changesSince));
        query.put("to", Long.toString(sequence));
      }
      System.out.println(
          node.client()
              .audit(session.tenant, session.session, what + query(query))
              .toPrettyString());
      return 0;
    }
  }

  /** {@code parley audit export}. */
  @Command(
      name = "export",
      mixinStandardHelpOptions = true,
      description = {
        "Prints the events of all sessions, a JSON line for each, one session after another.",
        "The exit code is 1 when a part of them could not be read; a line says which."
      })
  static final class Export implements Callable<Integer> {
    @Mixin private ManagementOptions node;
    @Mixin private TimeOptions times;

    @Option(names = "--tenant", description = "Only of this one (default: all).")
    private String tenant;

    @Override
    public Integer call() throws InterruptedException {
      Map<String, String> query = new LinkedHashMap<>();
      times.addTo(query);
      if (tenant != null) {
        query.put("tenant", tenant);
      }
      return print(node.client().auditLines("/audit/export" + query(query)));
    }
  }

  /** {@code parley audit accesses}. */
  @Command(
      name = "accesses",
      mixinStandardHelpOptions = true,
      description = "Prints who audited what on a day (UTC), a JSON line for each.")
  static final class Accesses implements Callable<Integer> {
    @Mixin private ManagementOptions node;

    @Option(names = "--day", description = "As in 2026-01-31 (default: today).")
    private String day;

    @Override
    public Integer call() throws InterruptedException {
      Map<String, String> query = new LinkedHashMap<>();
      if (day != null) {
        query.put("day", day);
      }
      return print(node.client().auditLines("/audit/accesses" + query(query)));
    }
  }
}
