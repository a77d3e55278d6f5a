package io.parley.workers.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.engine.WeightType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The models that can be pulled by name alone. The first is the default. */
public final class Catalogue {
  private final Map<String, ModelRequest> models;

  private Catalogue(Map<String, ModelRequest> models) {
    this.models = models;
  }

  /** The catalogue that comes with this version. */
  public static Catalogue builtIn() {
    try (InputStream in = Catalogue.class.getResourceAsStream("catalogue.json")) {
      Map<String, ModelRequest> models = new LinkedHashMap<>();
      for (JsonNode entry : new ObjectMapper().readTree(in).get("models")) {
        String name = entry.get("name").asText();
        models.put(
            name,
            new ModelRequest(
                name,
                ModelSource.parse(entry.get("source").asText()),
                Optional.of(entry.get("sha256").asText()),
                WeightType.BF16,
                Optional.of(entry.get("licence").asText())));
      }
      return new Catalogue(models);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public List<String> names() {
    return List.copyOf(models.keySet());
  }

  /** The name of the model that is used where none is named. */
  public String defaultModel() {
    return names().get(0);
  }

  public Optional<ModelRequest> find(String name) {
    return Optional.ofNullable(models.get(name));
  }
}
