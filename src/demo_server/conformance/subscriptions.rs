//! Who wants to hear of what (subscriptions/listen), and what there is to hear of.

use serde_json::{Value, json};

/// Something that changed.
pub(super) enum Subject<'a> {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// The contents of a resource, by its URI.
    Resource(&'a str),
    /// A task, by its id, with all that there is to say about it.
    Task(&'a str, &'a Value),
}

impl Subject<'_> {
    /// The notification's method.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Resource(_) => "notifications/resources/updated",
            Self::Task(..) => "notifications/tasks",
        }
    }

    /// The notification's parameters.
    pub(super) fn params(&self) -> Value {
        match self {
            Self::Tools | Self::Prompts | Self::Resources => json!({}),
            Self::Resource(uri) => json!({"uri": uri}),
            Self::Task(_, detail) => (*detail).clone(),
        }
    }
}

/// An open request subscriptions/listen.
pub(super) struct Subscription {
    /// The id of the request, as JSON text.
    pub(super) id: String,
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Option<Vec<String>>,
    tasks: Option<Vec<String>>,
}

impl Subscription {
    /// Most resources or tasks that one subscription can name. A guess: far more than there are.
    pub(super) const NAMES_MAX: usize = 1000;

    /// Reads the filter; `knows_task` says which tasks exist.
    pub(super) fn read(id: &str, filter: &Value, knows_task: impl Fn(&str) -> bool) -> Self {
        let wants = |name: &str| filter[name] == true;
        let names = |name: &str| {
            let list = filter[name].as_array()?;
            Some(list.iter().filter_map(Value::as_str).take(Self::NAMES_MAX).map(str::to_owned).collect::<Vec<_>>())
        };
        let tasks = names("taskIds").map(|ids| ids.into_iter().filter(|id| knows_task(id)).collect());
        Self {
            id: id.to_owned(),
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            resources: wants("resourcesListChanged"),
            uris: names("resourceSubscriptions"),
            tasks,
        }
    }

    /// What the acknowledgement says.
    pub(super) fn agreed(&self) -> Value {
        let mut agreed = json!({});
        for (name, is_wanted) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if is_wanted {
                agreed[name] = json!(true);
            }
        }
        if let Some(uris) = &self.uris {
            agreed["resourceSubscriptions"] = json!(uris);
        }
        if let Some(tasks) = &self.tasks {
            agreed["taskIds"] = json!(tasks);
        }
        json!({"notifications": agreed})
    }

    /// The tasks that it asked for news of.
    pub(super) fn tasks(&self) -> Vec<String> {
        self.tasks.clone().unwrap_or_default()
    }

    /// It asked for news of this.
    pub(super) fn wants(&self, subject: &Subject<'_>) -> bool {
        let has = |names: &Option<Vec<String>>, name: &str| names.iter().flatten().any(|known| known == name);
        match subject {
            Subject::Tools => self.tools,
            Subject::Prompts => self.prompts,
            Subject::Resources => self.resources,
            Subject::Resource(uri) => has(&self.uris, uri),
            Subject::Task(id, _) => has(&self.tasks, id),
        }
    }

    /// Says in the metadata of parameters or a result which subscription they belong to.
    pub(super) fn tagged(&self, mut params: Value) -> Value {
        let id: Value = serde_json::from_str(&self.id).unwrap_or_default();
        params["_meta"]["io.modelcontextprotocol/subscriptionId"] = id;
        params
    }
}
