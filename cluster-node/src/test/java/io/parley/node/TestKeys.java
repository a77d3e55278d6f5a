package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Keys with certificates for 127.0.0.1 that trust themselves alone. */
final class TestKeys {
  static final String PASSWORD = "changeit";

  private TestKeys() {}

  /** A PKCS12 file with one. */
  static Path keyStore(Path folder, String name) throws IOException, InterruptedException {
    Path store = folder.resolve(name + ".p12");
    keytool(
        store,
        "-genkeypair",
        "-alias",
        name,
        "-keyalg",
        "EC",
        "-groupname",
        "secp256r1",
        "-dname",
        "CN=" + name,
        "-ext",
        "san=ip:127.0.0.1",
        "-storetype",
        "PKCS12",
        "-validity",
        "1");
    return store;
  }

  /** The certificate in such a file, as PEM. */
  static Path certificate(Path store, String name) throws IOException, InterruptedException {
    Path file = store.resolveSibling(name + ".crt");
    keytool(store, "-exportcert", "-rfc", "-alias", name, "-file", file.toString());
    return file;
  }

  private static void keytool(Path store, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
    Process keytool =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(keytool.exitValue()).isZero();
  }
}
