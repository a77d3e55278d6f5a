package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointSettingsTest {
  @TempDir private Path folder;
  private Path secret;
  private Path open;
  private Path another;

  @BeforeEach
  void writeKeys() throws IOException, GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("Ed25519");
    KeyPair pair = generator.generateKeyPair();
    secret = pem("secret", "PRIVATE KEY", pair.getPrivate());
    open = pem("open", "PUBLIC KEY", pair.getPublic());
    another = pem("another", "PUBLIC KEY", generator.generateKeyPair().getPublic());
  }

  private Path pem(String name, String type, Key key) throws IOException {
    return Files.writeString(
        folder.resolve(name),
        "-----BEGIN %s-----%n%s%n-----END %s-----%n"
            .formatted(type, Base64.getMimeEncoder().encodeToString(key.getEncoded()), type));
  }

  private static CheckpointSettings settings(String file, String id, String... publicKeys) {
    Config config =
        ConfigFactory.load()
            .withValue(
                "parley.audit.checkpoint.private-key-file", ConfigValueFactory.fromAnyRef(file))
            .withValue("parley.audit.checkpoint.key-id", ConfigValueFactory.fromAnyRef(id))
            .withValue(
                "parley.audit.checkpoint.public-keys",
                ConfigValueFactory.fromIterable(List.of(publicKeys)));
    return CheckpointSettings.from(config);
  }

  @Test
  void nothingIsSignedUnlessItIsConfigured() {
    assertThat(CheckpointSettings.from(ConfigFactory.load()).keys().canSign()).isFalse();
  }

  @Test
  void keysAreReadFromTheirFiles() {
    assertThat(settings(secret.toString(), "a", "a=" + open, "b=" + another).keys().canSign())
        .isTrue();
    assertThat(settings("", "", "b=" + another).keys().canSign()).isFalse();
  }

  @Test
  void aKeyThatNobodyCouldCheckIsRefused() {
    assertThatThrownBy(() -> settings(secret.toString(), "a", "b=" + open))
        .hasMessageContaining("parley.audit.checkpoint.key-id");
    assertThatThrownBy(() -> settings(secret.toString(), "a", "a=" + another).keys())
        .hasMessageContaining("public-keys")
        .hasMessageContaining("private-key-file");
  }

  @Test
  void whatIsNoKeyIsNamed() {
    assertThatThrownBy(() -> settings("", "", "a=" + secret).keys())
        .hasMessageContaining("parley.audit.checkpoint.public-keys");
    assertThatThrownBy(() -> settings(open.toString(), "a", "a=" + open).keys())
        .hasMessageContaining("parley.audit.checkpoint.private-key-file");
    assertThatThrownBy(() -> settings("", "", "a=" + folder.resolve("none")).keys())
        .hasMessageContaining("cannot be read");
    assertThatThrownBy(() -> settings("", "", "just-a-file")).hasMessageContaining("id=file");
    assertThatThrownBy(() -> settings("", "", "a=" + open, "a=" + another))
        .hasMessageContaining("twice");
  }
}
