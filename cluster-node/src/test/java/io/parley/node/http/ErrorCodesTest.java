package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The guides list the codes that clients and operators may match on. */
class ErrorCodesTest {
  private static final Pattern MADE =
      Pattern.compile(
          "(?:ApiException\\s*\\.of|return of|badField|retryable|new ApiException)"
              + "\\(\\s*[^,;]+,\\s*\"([a-z0-9_]+)\"");
  private static final Pattern LISTED = Pattern.compile("`([a-z0-9_]+)`");

  /** It makes a branch begin, and reaches no client. */
  private static final Set<String> INTERNAL = Set.of("turn_not_last");

  private static final Path SOURCES = Path.of("src/main/java/io/parley/node/http");

  /** The routes of the second listener, which clients do not reach. */
  private static final Set<Path> MANAGEMENT =
      Set.of(
          SOURCES.resolve("ManagementRoutes.java"),
          SOURCES.resolve("ClusterRoutes.java"),
          SOURCES.resolve("BulkRoutes.java"));

  @Test
  void theGuideListsEachCodeAndNoOther() throws IOException {
    Set<String> made = new TreeSet<>();
    try (Stream<Path> sources = Files.walk(SOURCES)) {
      sources
          .filter(file -> Files.isRegularFile(file) && !MANAGEMENT.contains(file))
          .forEach(file -> collect(made, MADE, read(file)));
    }
    made.removeAll(INTERNAL);

    assertThat(made).hasSizeGreaterThan(30);
    assertThat(listed("users.md")).isEqualTo(made);
  }

  @Test
  void theOperatorsGuideListsTheCodesOfTheManagementListenerAndNoOther() {
    Set<String> made = new TreeSet<>();
    MANAGEMENT.forEach(file -> collect(made, MADE, read(file)));

    assertThat(made).hasSizeGreaterThan(5);
    assertThat(listed("operators.md")).isEqualTo(made);
  }

  /** The codes in the second column of the rows that begin with a status. */
  private static Set<String> listed(String guide) {
    Set<String> listed = new TreeSet<>();
    read(Path.of("..", "docs", guide))
        .lines()
        .filter(line -> line.matches("\\| [0-9]{3}.*"))
        .map(line -> line.split("\\|")[2])
        .forEach(codes -> collect(listed, LISTED, codes));
    return listed;
  }

  private static void collect(Set<String> found, Pattern pattern, String text) {
    pattern.matcher(text).results().forEach(match -> found.add(match.group(1)));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
