package io.parley.node.it;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whether a real node answers as its own OpenAPI document says, for requests that are made from the
 * document, good and bad ones.
 */
@ExtendWith(ClientNode.class)
class OpenApiIT {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir private Path folder;

  @Test
  void answersAreAsDocumented(ClientNode.Running running) throws IOException {
    PythonEnvironment python = PythonEnvironment.obtain();
    // Stateful checks are left out: a conversation is a session by another name, so one deleted
    // through its alias looks like one that got lost.
    Commands.run(
            LIMIT,
            Map.of(
                "HYPOTHESIS_STORAGE_DIRECTORY", folder.toString(),
                "SCHEMATHESIS_HOOKS", "short_answers",
                "PYTHONPATH", PythonEnvironment.scripts().toString(),
                "PYTHONDONTWRITEBYTECODE", "1",
                "NO_COLOR", "1"),
            List.of(
                python.program("schemathesis"),
                "run",
                running.node().url("/openapi.json"),
                "--header",
                "Authorization: Bearer " + running.key(),
                "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,"
                    + "response_schema_conformance",
                "--phases",
                "examples,fuzzing",
                "--max-examples",
                "5",
                "--seed",
                "7",
                "--workers",
                "1",
                "--no-shrink",
                "--suppress-health-check",
                "all",
                "--generation-database",
                "none"))
        .success();
  }
}
