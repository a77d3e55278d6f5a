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

/** The users' guide lists the codes that clients may match on. */
class ErrorCodesTest {
  private static final Pattern MADE =
      Pattern.compile(
          "(?:ApiException\\s*\\.of|return of|badField|retryable|new ApiException)"
              + "\\(\\s*[^,;]+,\\s*\"([a-z0-9_]+)\"");
  private static final Pattern LISTED = Pattern.compile("`([a-z0-9_]+)`");

  /** It makes a branch begin, and reaches no client. */
  private static final Set<String> INTERNAL = Set.of("turn_not_last");

  @Test
  void theGuideListsEachCodeAndNoOther() throws IOException {
    Set<String> made = new TreeSet<>();
    try (Stream<Path> sources = Files.walk(Path.of("src/main/java/io/parley/node/http"))) {
      sources.filter(Files::isRegularFile).forEach(file -> collect(made, MADE, read(file)));
    }
    made.removeAll(INTERNAL);
    Set<String> listed = new TreeSet<>();
    read(Path.of("..", "docs", "users.md"))
        .lines()
        .filter(line -> line.matches("\\| [0-9]{3}.*"))
        .map(line -> line.split("\\|")[2])
        .forEach(codes -> collect(listed, LISTED, codes));

    assertThat(made).hasSizeGreaterThan(30);
    assertThat(listed).isEqualTo(made);
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
