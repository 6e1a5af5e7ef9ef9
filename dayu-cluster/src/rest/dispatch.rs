//! From a request to the code that answers it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use tower::BoxError;

use super::body::{self, ApiBody};
use super::error::ApiError;
use super::path::{self, Target};
use super::query::{ListOptions, Query, WriteOptions};
use super::read::read;
use super::shape::Shaper;
use super::watch::Feed;
use super::write::{Format, Part, PatchType, Writer, Written, decode, delete_options, scale_view};
use super::{Api, health, list, pods, review};
use crate::registry::{Kind, Origin, Scale};
use crate::store::{Object, PODS};

type Reply = Result<Response<ApiBody>, ApiError>;

pub(super) async fn respond<B>(api: Api, request: Request<B>) -> Response<ApiBody>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    route(api, &parts, body).await.unwrap_or_else(|refusal| refusal.response())
}

async fn route<B>(api: Api, parts: &Parts, body: B) -> Reply
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let Some(target) = path::parse(parts.uri.path()) else {
        return health::respond(&api, parts);
    };
    let Some(kind) = api.registry.find(&target.group, &target.version, &target.plural) else {
        if api.registry.kinds().iter().any(|kind| kind.group == target.group) {
            return Err(ApiError::no_resource());
        }
        return Ok(health::no_page());
    };
    // One namespace for what has none, none for what must be in one, is no path at all.
    if kind.namespaced && target.namespace.is_none() && target.name.is_some()
        || !kind.namespaced && target.namespace.is_some()
    {
        return Err(ApiError::no_resource());
    }
    let body = if matches!(parts.method, Method::GET | Method::HEAD) { Bytes::new() } else { read(body).await? };
    let call = Call { query: Query::parse(parts.uri.query()), api, kind, target, parts, body };
    call.answer().await
}

/// One request for a known kind.
struct Call<'a> {
    api: Api,
    kind: Arc<Kind>,
    target: Target,
    query: Query,
    parts: &'a Parts,
    body: Bytes,
}

impl Call<'_> {
    async fn answer(&self) -> Reply {
        if matches!(self.kind.origin, Origin::Review) {
            return self.review();
        }
        let target = &self.target;
        match (&self.parts.method, target.name.as_deref(), target.subresource.as_deref()) {
            (&Method::GET, None, None) => self.collection(),
            (&Method::POST, None, None) => self.written(&self.writer(Part::Main)?.create(self.decoded()?)?),
            (&Method::DELETE, None, None) => self.delete_collection(),
            (method, Some(name), None) => self.object(method, name, Part::Main),
            (method, Some(name), Some("status")) if self.kind.status => self.object(method, name, Part::Status),
            (method, Some(name), Some("scale")) => match &self.kind.scale {
                Some(scale) => self.scale(method, name, scale),
                None => Err(ApiError::no_resource()),
            },
            (method, Some(name), Some(other)) => self.special(method, name, other).await,
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn collection(&self) -> Reply {
        let shaper = self.shaper()?;
        let options = ListOptions::parse(&self.query)?;
        if self.query.flag("watch") {
            let feed = Feed::open(&self.api.store, self.kind.clone(), self.target.namespace.clone(), options, shaper)?;
            return Ok(body::stream("application/json", feed.stream()));
        }
        let page = list::page(&self.api.store, &self.kind, self.target.namespace.as_deref(), &options)?;
        Ok(body::json(StatusCode::OK, shaper.list(&self.kind, &page)))
    }

    fn object(&self, method: &Method, name: &str, part: Part) -> Reply {
        match *method {
            Method::GET => {
                let shaper = self.shaper()?;
                Ok(body::json(StatusCode::OK, shaper.object(&self.kind, &*self.stored(name)?)))
            }
            Method::PUT => self.written(&self.writer(part)?.update(name, self.decoded()?)?),
            Method::PATCH => {
                let language = PatchType::of(&self.parts.headers)?;
                self.written(&self.writer(part)?.patch(name, language, &self.body)?)
            }
            Method::DELETE if part == Part::Main => {
                let options = delete_options(Format::of(&self.parts.headers)?, &self.body, &self.query)?;
                Ok(body::json(StatusCode::OK, self.writer(part)?.delete(name, options)?))
            }
            Method::POST if self.kind.custom().is_some() => {
                Err(ApiError::unsupported_verb(&self.kind.resource, "create"))
            }
            Method::DELETE if self.kind.custom().is_some() => {
                Err(ApiError::unsupported_verb(&self.kind.resource, "delete"))
            }
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn delete_collection(&self) -> Reply {
        let options = delete_options(Format::of(&self.parts.headers)?, &self.body, &self.query)?;
        let selected = ListOptions::parse(&self.query)?;
        let page = list::page(&self.api.store, &self.kind, self.target.namespace.as_deref(), &selected)?;
        for object in &page.objects {
            let mut writer = self.writer(Part::Main)?;
            writer.namespace = object.meta.namespace.as_ref().into();
            match writer.delete(&object.meta.name, options.clone()) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(body::json(StatusCode::OK, list::encode_list(&self.kind, &page)))
    }

    fn scale(&self, method: &Method, name: &str, scale: &Scale) -> Reply {
        let changed = match *method {
            Method::GET => self.stored(name)?,
            Method::PUT => self.writer(Part::Scale)?.update_scale(scale, name, &self.decoded()?)?.object,
            Method::PATCH => {
                let language = PatchType::of(&self.parts.headers)?;
                self.writer(Part::Scale)?.patch_scale(scale, name, language, &self.body)?.object
            }
            _ => return Err(ApiError::method_not_allowed()),
        };
        Ok(body::value(StatusCode::OK, &scale_view(&self.kind, scale, &changed)?))
    }

    async fn special(&self, method: &Method, name: &str, subresource: &str) -> Reply {
        match (method, self.kind.resource == PODS, subresource) {
            (&Method::GET, true, "log") => pods::log(&self.api, &*self.stored(name)?, &self.query).await,
            (&Method::POST, true, "binding") => pods::bind(&self.api, &*self.stored(name)?, &self.decoded()?.value),
            (&Method::POST, true, "eviction") => pods::evict(&self.writer(Part::Main)?, name, &self.decoded()?.value),
            (&Method::PUT, false, "finalize") if self.kind.kind == "Namespace" => {
                self.written(&self.writer(Part::Finalizers)?.update(name, self.decoded()?)?)
            }
            _ => Err(ApiError::no_resource()),
        }
    }

    fn review(&self) -> Reply {
        if self.parts.method != Method::POST || self.target.name.is_some() {
            return Err(ApiError::method_not_allowed());
        }
        review::answer(&self.kind, &self.parts.headers, &self.body)
    }

    fn shaper(&self) -> Result<Shaper, ApiError> {
        Shaper::negotiate(&self.api.store, &self.kind, &self.parts.headers, &self.query)
    }

    fn stored(&self, name: &str) -> Result<Arc<Object>, ApiError> {
        let namespace = self.target.namespace.as_deref().unwrap_or_default();
        let stored = self.api.store.get(&self.kind.resource, namespace, name);
        stored.ok_or_else(|| ApiError::not_found(&self.kind.resource, name))
    }

    fn decoded(&self) -> Result<super::write::Decoded, ApiError> {
        decode(Format::of(&self.parts.headers)?, &self.body)
    }

    fn writer(&self, part: Part) -> Result<Writer, ApiError> {
        let agent = self.parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Ok(Writer {
            api: self.api.clone(),
            kind: self.kind.clone(),
            namespace: self.target.namespace.clone().unwrap_or_default(),
            part,
            options: WriteOptions::parse(self.options(), &self.query, agent)?,
        })
    }

    /// What Kubernetes calls the parameters of this write.
    fn options(&self) -> &'static str {
        match self.parts.method {
            Method::POST => "CreateOptions",
            Method::PATCH => "PatchOptions",
            Method::DELETE => "DeleteOptions",
            _ => "UpdateOptions",
        }
    }

    fn written(&self, written: &Written) -> Reply {
        let code = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let shaper = self.shaper()?;
        let mut response = body::json(code, shaper.object(&self.kind, &written.object));
        for warning in &written.warnings {
            let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
                response.headers_mut().append(HeaderName::from_static("warning"), value);
            }
        }
        debug_assert!(response.headers().contains_key(CONTENT_TYPE));
        Ok(response)
    }
}
