package io.parley.persistence;

import com.typesafe.config.Config;
import io.parley.persistence.chain.CheckpointKeys;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The subtree {@code parley.audit.checkpoint}; what each key means is said in this module's
 * reference.conf.
 *
 * @param privateKeyFile of the key that signs; empty: no checkpoints are made
 * @param keyId its id; empty when there is none
 * @param publicKeys files of the keys that are believed, by their ids
 */
public record CheckpointSettings(
    Optional<Path> privateKeyFile, String keyId, Map<String, Path> publicKeys) {
  private static final Pattern PUBLIC_KEY = Pattern.compile("([\\w.-]{1,64})=(.+)");

  public CheckpointSettings {
    publicKeys = Map.copyOf(publicKeys);
  }

  /**
   * Reads and checks the settings; the files are read by {@link #keys}.
   *
   * @throws IllegalArgumentException naming the key that is wrong and what it allows
   */
  public static CheckpointSettings from(Config root) {
    String path = "parley.audit.checkpoint";
    SettingsReader in = new SettingsReader(root.getConfig(path), path);
    Optional<Path> file =
        Optional.of(in.text("private-key-file")).filter(f -> !f.isEmpty()).map(Path::of);
    String keyId = in.text("key-id");
    Map<String, Path> publicKeys = new TreeMap<>();
    for (String entry :
        in.list("public-keys", "id=file", one -> PUBLIC_KEY.matcher(one).matches())) {
      Matcher parts = PUBLIC_KEY.matcher(entry);
      if (!parts.matches() || publicKeys.put(parts.group(1), Path.of(parts.group(2))) != null) {
        throw in.bad("public-keys", "a list of id=file in which no id is there twice");
      }
    }
    if (file.isPresent() && !publicKeys.containsKey(keyId)) {
      throw in.bad("key-id", "one of the ids in public-keys when private-key-file is set");
    }
    return new CheckpointSettings(file, keyId, publicKeys);
  }

  /**
   * The keys in the files.
   *
   * @throws IllegalArgumentException naming the key of the configuration whose file is wrong
   */
  public CheckpointKeys keys() {
    return CheckpointKeys.read(publicKeys, privateKeyFile, keyId);
  }
}
