package io.parley.node.cli;

import io.parley.node.StartupException;
import io.parley.node.http.ApiKeys;
import io.parley.routing.protocol.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code parley keys}. */
@Command(
    name = "keys",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Makes API keys.",
    subcommands = {KeysCommand.New.class})
final class KeysCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  /** {@code parley keys new}. */
  @Command(
      name = "new",
      mixinStandardHelpOptions = true,
      description = "Makes a key, prints it once, and adds its hash to a file for --api-keys.")
  static final class New implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "TENANT", description = "Whose sessions the key opens.")
    private String tenant;

    @Option(names = "--file", required = true, description = "The file of hashed keys.")
    private Path file;

    @Option(names = "--name", defaultValue = "", description = "A note beside the hash.")
    private String name;

    @Override
    public Integer call() {
      try {
        ApiKeys.NewKey made = ApiKeys.create(new TenantId(tenant), name);
        if (!Files.exists(file)) {
          Files.createFile(
              file,
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        }
        Files.writeString(file, made.line() + System.lineSeparator(), StandardOpenOption.APPEND);
        System.out.println(made.key());
        return 0;
      } catch (IOException e) {
        throw new StartupException("cannot write " + file + ": " + e.getMessage(), e);
      } catch (IllegalArgumentException e) {
        throw new StartupException(e.getMessage(), e);
      }
    }
  }
}
