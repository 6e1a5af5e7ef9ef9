//! The image map: what to run for an image, where no container runtime is at hand.
use std::collections::BTreeMap;

use dayu_core::worker::Problem;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

/// The command of `image` in the first of `maps` that knows it.
pub(super) fn command<'a>(
    maps: impl IntoIterator<Item = &'a ConfigMap>,
    container: &str,
    image: &str,
) -> Result<Vec<String>, Problem> {
    let mut unreadable = Vec::new();
    for map in maps {
        for (key, text) in map.data.iter().flatten() {
            match read(text) {
                Ok(mut commands) => {
                    if let Some(command) = commands.remove(image).filter(|command| !command.is_empty()) {
                        return Ok(command);
                    }
                }
                Err(error) => {
                    let (namespace, name) = (map.namespace().unwrap_or_default(), map.name_any());
                    unreadable.push(format!("{namespace}/{name}, key {key}: {error}"));
                }
            }
        }
    }
    let mut message = format!(
        "container {container} has no command, and no ConfigMap labelled dayu.io/image-map=true says what to run for image \
         {image}; give the container a command, or add the line `{image}: [program, argument]` to such a ConfigMap"
    );
    if !unreadable.is_empty() {
        message.push_str("; not a mapping of image to command list: ");
        message.push_str(&unreadable.join("; "));
    }
    Err(Problem::new("ImageUnmapped", message))
}

fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    // By way of a tree: all YAML of the program is read by one decoder.
    let tree: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    serde_json::from_value(tree).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str, text: &str) -> ConfigMap {
        ConfigMap {
            metadata: kube::api::ObjectMeta {
                name: Some(name.into()),
                namespace: Some("n".into()),
                ..Default::default()
            },
            data: Some(BTreeMap::from([("images.yaml".to_owned(), text.to_owned())])),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn an_image_is_found_and_one_that_is_not_is_named_with_the_remedy() {
        let maps = [map("broken", "- a\n- b"), map("good", "reg.io/a/b:v1: [dayu, example-worker, detector]")];
        assert_eq!(command(&maps, "c", "reg.io/a/b:v1").unwrap(), ["dayu", "example-worker", "detector"]);
        let problem = command(&maps, "c", "reg.io/a/b:v2").unwrap_err();
        assert_eq!(problem.reason, "ImageUnmapped");
        assert!(
            problem.message.contains("reg.io/a/b:v2: [program") && problem.message.contains("n/broken"),
            "{problem}"
        );
    }
}
