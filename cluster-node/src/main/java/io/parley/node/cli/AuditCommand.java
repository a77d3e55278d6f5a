package io.parley.node.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.StartupException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code parley audit}. */
@Command(
    name = "audit",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Checks the journal of a running node, by its management listener.",
    subcommands = {AuditCommand.Verify.class})
final class AuditCommand implements Runnable {
  private static final ObjectMapper JSON = new ObjectMapper();

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  /** {@code parley audit verify}. */
  @Command(
      name = "verify",
      mixinStandardHelpOptions = true,
      exitCodeOnExecutionException = 3,
      description = {
        "Checks the hash chain of a session's journal, or of all, against what is stored and signed.",
        "The exit code is 1 when something was found, and 3 when it is not known."
      })
  static final class Verify implements Callable<Integer> {
    @Mixin private ManagementOptions node;

    @ArgGroup(multiplicity = "1")
    private What what;

    @Option(
        names = "--tenant",
        defaultValue = "default",
        description = "Whose session it is (default: ${DEFAULT-VALUE}).")
    private String tenant;

    @Option(names = "--json", description = "Print JSON, a line for each journal.")
    private boolean json;

    private static final class What {
      @Parameters(paramLabel = "SESSION", description = "Its id, as in sess_abc.")
      private String session;

      @Option(names = "--all", description = "All journals there are, of all tenants.")
      private boolean all;
    }

    @Override
    public Integer call() throws InterruptedException {
      if (what.all) {
        return all();
      }
      JsonNode report = node.client().verify(tenant, what.session);
      print(report);
      return report.path("whole").asBoolean() ? 0 : 1;
    }

    private int all() throws InterruptedException {
      try (Stream<String> lines = node.client().verifyAll(json)) {
        Iterator<String> each = lines.iterator();
        while (each.hasNext()) {
          JsonNode line = parse(each.next());
          switch (line.path("object").asText()) {
            case "audit.verification" -> print(line);
            case "audit.progress" -> {} // a long walk is alive
            case "audit.summary" -> {
              sum(line);
              return line.path("not_whole").asLong() == 0 ? 0 : 1;
            }
            default -> throw new StartupException(line.path("message").asText());
          }
        }
      } catch (UncheckedIOException e) {
        throw new StartupException("the node went away", e);
      }
      throw new StartupException("the node broke off");
    }

    private void print(JsonNode report) {
      if (json) {
        System.out.println(report);
        return;
      }
      String name = report.path("persistence_id").asText();
      if (report.path("whole").asBoolean()) {
        System.out.printf(
            Locale.ROOT,
            "%s is whole: %d events, signed up to %d; %d events without a seal, %d superseded rows%n",
            name,
            report.path("events").asLong(),
            report.path("signed_sequence").asLong(),
            report.path("unsealed_events").asLong(),
            report.path("superseded_rows").asLong());
        return;
      }
      for (JsonNode finding : report.path("findings")) {
        long from = finding.path("from").asLong();
        long to = finding.path("to").asLong();
        System.out.printf(
            Locale.ROOT,
            "%s: event %s %s: %s%n",
            name,
            from == to ? Long.toString(from) : from + " to " + to,
            finding.path("kind").asText(),
            finding.path("detail").asText());
      }
      long more = report.path("findings_left_out").asLong();
      if (more > 0) {
        System.out.println(name + ": and " + more + " more");
      }
    }

    private void sum(JsonNode sum) {
      if (json) {
        System.out.println(sum);
        return;
      }
      long events = sum.path("events").asLong();
      long millis = Math.max(1, sum.path("millis").asLong());
      System.out.printf(
          Locale.ROOT,
          "%d journals, %d not whole; %d events in %.1f s (%d/s), %d not signed yet, %d superseded"
              + " rows%n",
          sum.path("journals").asLong(),
          sum.path("not_whole").asLong(),
          events,
          millis / 1000.0,
          events * 1000 / millis,
          sum.path("unsigned_events").asLong(),
          sum.path("superseded_rows").asLong());
    }

    private static JsonNode parse(String line) {
      try {
        return JSON.readTree(line);
      } catch (JsonProcessingException e) {
        throw new StartupException("the node sent something else than JSON lines", e);
      }
    }
  }
}
