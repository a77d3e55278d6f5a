package io.parley.node.cli;

import io.parley.node.StartupException;
import io.parley.node.audit.reproduce.FileSource;
import io.parley.node.audit.reproduce.HistorySource;
import io.parley.node.audit.reproduce.ModelsHere;
import io.parley.node.audit.reproduce.ReproduceRun;
import io.parley.node.audit.reproduce.ServerSource;
import io.parley.node.audit.reproduce.Summary;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
      ReproducePrinter printer =
          asJson ? new ReproduceJson() : new ReproduceText(file != null && sessions.isEmpty());
      Summary summary = new ReproduceRun(source(), here, settings, only, everyToken, printer).run();
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
        : new FileSource(file, ids.size() == 1 ? Optional.of(ids.get(0)) : Optional.empty(), ids);
  }

  private SessionId id(String text) {
    return new SessionId(new TenantId(tenant), text.replaceFirst("^sess_", ""));
  }
}
