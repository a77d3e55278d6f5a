package io.parley.node.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.StartupException;
import io.parley.node.audit.reproduce.FileSource;
import io.parley.node.audit.reproduce.HistorySource;
import io.parley.node.audit.reproduce.ModelsHere;
import io.parley.node.audit.reproduce.ReproduceRun;
import io.parley.node.audit.reproduce.ServerSource;
import io.parley.node.audit.reproduce.Summary;
import io.parley.node.audit.reproduce.TurnReport;
import io.parley.node.audit.reproduce.TurnReport.Outcome;
import io.parley.node.http.Ids;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.reproduce.AttemptReport;
import io.parley.workers.reproduce.Deviation;
import io.parley.workers.reproduce.TokenReport;
import io.parley.workers.reproduce.Verdict;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code parley audit reproduce}. */
@Command(
    name = "reproduce",
    mixinStandardHelpOptions = true,
    description = {
      "Computes recorded answers again, in this process, and says of each turn whether its tokens,",
      "their log-probabilities and its end are exactly what the recorded model, conversation,",
      "parameters, seed and arithmetic give. Reads the events from a server, or from a file.",
      "The exit code is 1 when a turn is not confirmed."
    })
final class AuditReproduceCommand implements Callable<Integer> {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Parameters(paramLabel = "SESSION", arity = "0..*", description = "Sessions, as sess_….")
  private List<String> sessions = new ArrayList<>();

  @Option(
      names = "--events",
      paramLabel = "FILE",
      description =
          "Exported events, one JSON object a line, instead of a server's. Without a session: all"
              + " that are in it.")
  private Path file;

  @Option(names = "--turn", paramLabel = "N", description = "Only this turn (default: all).")
  private Integer turn;

  @Option(
      names = "--tenant",
      defaultValue = "default",
      description = "Whose the sessions are, in a file (default: ${DEFAULT-VALUE}).")
  private String tenant;

  @Option(
      names = "--model",
      paramLabel = "SPEC",
      description = "A model that is not in the store, such as a file; may be given several times.")
  private List<String> models = new ArrayList<>();

  @Option(names = "--tokens", description = "Print each token.")
  private boolean everyToken;

  @Option(
      names = "--json",
      description = "Print JSON: an object a line for each turn, and one for the sum of all.")
  private boolean asJson;

  @Mixin private ServerOptions server;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() {
    if (sessions.isEmpty() && file == null) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "name a session, or a file of events with --events");
    }
    try {
      EngineSettings settings = EngineSettings.from(configuration.load());
      ModelsHere here = new ModelsHere(ModelStore.in(settings.cacheFolder()), models);
      OptionalInt only = turn == null ? OptionalInt.empty() : OptionalInt.of(turn);
      Printer printer = asJson ? new JsonPrinter() : new TextPrinter();
      Summary summary =
          new ReproduceRun(source(), here, settings, only, everyToken, printer).run();
      printer.summary(summary);
      return summary.confirmed() ? 0 : 1;
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private HistorySource source() {
    List<SessionId> ids = sessions.stream().map(this::id).toList();
    return file == null
        ? new ServerSource(server.url(), server.apiKey(), ids)
        : new FileSource(
            file, ids.size() == 1 ? Optional.of(ids.get(0)) : Optional.empty(), ids);
  }

  private SessionId id(String text) {
    return new SessionId(new TenantId(tenant), text.replaceFirst("^sess_", ""));
  }

  /** What is printed of a run. */
  private interface Printer extends ReproduceRun.Listener {
    void summary(Summary summary);
  }

  private final class TextPrinter implements Printer {
    @Override
    public void turn(TurnReport report) {
      if (file != null && sessions.isEmpty() && report.outcome() == Outcome.EXACT) {
        return; // of many, those that need a look
      }
      System.out.printf(
          Locale.ROOT,
          "%s turn %d: %s, %d tokens%s%n",
          Ids.session(report.session()),
          report.turn(),
          label(report.outcome()),
          report.tokens(),
          report.variants().isEmpty() ? "" : ", " + String.join(" and ", report.variants()));
      report.remarks().forEach(remark -> System.out.println("  " + remark));
    }

    private static String label(Outcome outcome) {
      return switch (outcome) {
        case EXACT -> "exact";
        case NEAR -> "within the tolerance";
        case NOTHING -> "nothing to compute again";
        case UNKNOWN -> "cannot be computed again";
        case DIFFERS -> "DIFFERS";
      };
    }

    @Override
    public void problem(SessionId session, String message) {
      System.out.println(Ids.session(session) + ": " + message);
    }

    @Override
    public void model(ModelId model, String recordedVariant, String variantHere) {
      System.out.println(
          model
              + ", "
              + variantHere
              + (recordedVariant.equals(variantHere)
                  ? ""
                  : " (recorded: " + recordedVariant + "; compared within a tolerance)"));
    }

    @Override
    public synchronized void token(TokenReport token) {
      System.out.printf(
          Locale.ROOT,
          "  %s turn %d token %5d: %6d %s, log-probability %.4f%n",
          Ids.session(token.attempt().session()),
          token.attempt().turn(),
          token.index(),
          token.recorded(),
          token.exact() ? "exact" : "other than drawn: " + token.drawn(),
          token.logProb());
    }

    @Override
    public void summary(Summary summary) {
      System.out.printf(
          Locale.ROOT,
          "%d turns of %d tokens: %d exact, %d within the tolerance, %d differ, %d cannot be computed"
              + " again, %d left nothing; %d problems%n",
          summary.turns(),
          summary.tokens(),
          summary.turns(Outcome.EXACT),
          summary.turns(Outcome.NEAR),
          summary.turns(Outcome.DIFFERS),
          summary.turns(Outcome.UNKNOWN),
          summary.turns(Outcome.NOTHING),
          summary.problems());
      System.out.printf(
          Locale.ROOT,
          "%d tokens again in %.2f s, %.0f a second (%d computed, prompts included)%n",
          summary.tokensAgain(),
          summary.seconds(),
          perSecond(summary),
          summary.tokensComputed());
    }
  }

  private static double perSecond(Summary summary) {
    return summary.seconds() > 0 ? summary.tokensAgain() / summary.seconds() : 0;
  }

  private static final class JsonPrinter implements Printer {
    private final ObjectMapper json = new ObjectMapper();

    private ObjectNode object(String kind) {
      return json.createObjectNode().put("object", "audit.reproduce." + kind);
    }

    private ObjectNode object(String kind, SessionId session) {
      return object(kind)
          .put("tenant", session.tenant().value())
          .put("session_id", Ids.session(session));
    }

    @Override
    public void turn(TurnReport report) {
      ObjectNode node =
          object("turn", report.session())
              .put("turn", report.turn())
              .put("outcome", report.outcome().label())
              .put("tokens", report.tokens());
      report.attempts().forEach(attempt -> node.withArray("attempts").add(attempt(attempt)));
      System.out.println(node);
    }

    private ObjectNode attempt(AttemptReport report) {
      ObjectNode node = json.createObjectNode();
      node.put("attempt", report.attempt().work().id().attempt());
      node.put("model", report.attempt().prompt().model().toString());
      node.put("variant", report.attempt().prompt().variant());
      node.put("first_index", report.attempt().work().prefix().size());
      node.put("tokens", report.tokens());
      Verdict verdict = report.verdict();
      if (verdict instanceof Verdict.Exact exact) {
        node.put("outcome", Outcome.EXACT.label());
        exact.cut().ifPresent(cut -> node.put("cut", cut));
      } else if (verdict instanceof Verdict.Near near) {
        node.put("outcome", Outcome.NEAR.label());
        node.put("other_tokens", near.otherTokens());
        node.put("widest_log_probability", near.widestLogProb());
        near.cut().ifPresent(cut -> node.put("cut", cut));
      } else if (verdict instanceof Verdict.Unknown unknown) {
        node.put("outcome", Outcome.UNKNOWN.label());
        node.put("reason", unknown.reason().name().toLowerCase(Locale.ROOT));
        node.put("message", unknown.message());
      } else if (verdict instanceof Verdict.Differs differs) {
        Deviation first = differs.first();
        node.put("outcome", Outcome.DIFFERS.label());
        node.put("kind", first.kind().name().toLowerCase(Locale.ROOT));
        node.put("index", first.index());
        node.put("message", first.message());
        node.put("other_tokens", differs.otherTokens());
      }
      return node;
    }

    @Override
    public void problem(SessionId session, String message) {
      System.out.println(object("problem", session).put("message", message));
    }

    @Override
    public void model(ModelId model, String recordedVariant, String variantHere) {
      System.out.println(
          object("model")
              .put("model", model.toString())
              .put("recorded_variant", recordedVariant)
              .put("variant", variantHere));
    }

    @Override
    public synchronized void token(TokenReport token) {
      System.out.println(
          object("token", token.attempt().session())
              .put("turn", token.attempt().turn())
              .put("index", token.index())
              .put("recorded", token.recorded())
              .put("drawn", token.drawn())
              .put("exact", token.exact())
              .put("log_probability", token.logProb()));
    }

    @Override
    public void summary(Summary summary) {
      ObjectNode node =
          object("summary").put("turns", summary.turns()).put("tokens", summary.tokens());
      for (Outcome outcome : Outcome.values()) {
        node.put(outcome.label(), summary.turns(outcome));
      }
      System.out.println(
          node.put("problems", summary.problems())
              .put("tokens_again", summary.tokensAgain())
              .put("tokens_computed", summary.tokensComputed())
              .put("seconds", summary.seconds())
              .put("tokens_per_second", perSecond(summary)));
    }
  }
}
